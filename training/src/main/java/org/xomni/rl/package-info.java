/**
 * Reinforcement learning (paper section 4.3): GRPO on the unified model, whose images a fixed decoder paints and rewards judge.
 */
@NullMarked
package org.xomni.rl;

import org.jspecify.annotations.NullMarked;
