/**
 * What the policy is asked to draw (paper section 4.3): prompts for text rendering in buckets of text length
 * ({@link org.xomni.rl.prompt.SignsPrompts}), natural scenes, prompts from files ({@link org.xomni.rl.prompt.FilePrompts}), and mixtures.
 */
@NullMarked
package org.xomni.rl.prompt;

import org.jspecify.annotations.NullMarked;
