/**
 * Reinforcement learning (paper section 4.3): GRPO on the unified model, whose images a fixed decoder paints and rewards judge.
 *
 * <table>
 * <caption>Paper to code</caption>
 * <tr><td>the loop, with the equation's lines</td><td>{@link org.xomni.rl.GrpoLoop}, {@link org.xomni.rl.GrpoSettings}</td></tr>
 * <tr><td>policy and reference</td><td>{@link org.xomni.rl.Policy}</td></tr>
 * <tr><td>rollouts o ~ pi_old</td><td>{@link org.xomni.rl.RolloutSampler}, {@link org.xomni.rl.Rollout}</td></tr>
 * <tr><td>the fixed decoder</td><td>{@link org.xomni.rl.FixedDecoder}</td></tr>
 * <tr><td>both, on several threads</td><td>{@link org.xomni.rl.Drawing}</td></tr>
 * <tr><td>rewards, their weighted sum</td><td>{@link org.xomni.rl.reward}</td></tr>
 * <tr><td>group advantages</td><td>{@link org.xomni.rl.Advantage}, {@link org.xomni.rl.Groups}</td></tr>
 * <tr><td>log pi, log pi_old, log pi_ref</td><td>{@link org.xomni.rl.TokenScores}</td></tr>
 * <tr><td>clipped objective, k3 KL</td><td>{@link org.xomni.rl.GrpoLoss}, {@link org.xomni.rl.Clip}, {@link org.xomni.rl.Aggregation}</td></tr>
 * <tr><td>Fig. 2, Fig. 6</td><td>{@link org.xomni.rl.RlClaims}</td></tr>
 * </table>
 *
 * <p>Legend of shapes: N ids of a micro-batch's row, M its image tokens, K codes, D width.
 */
@NullMarked
package org.xomni.rl;

import org.jspecify.annotations.NullMarked;
