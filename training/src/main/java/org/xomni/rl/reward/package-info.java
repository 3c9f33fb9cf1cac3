/**
 * What judges pictures during reinforcement learning (paper section 4.3): a weighted sum ({@link org.xomni.rl.reward.Rewards}) of rewards.
 *
 * <table>
 * <caption>Paper to code</caption>
 * <tr><td>OCR accuracy (GOT-OCR2.0 and PaddleOCR)</td><td>{@link org.xomni.rl.reward.OcrAccuracy}, with PP-OCR in this JVM</td></tr>
 * <tr><td>prompt alignment (Qwen2.5-VL-32B)</td><td>{@link org.xomni.rl.reward.VisionChat}: any OpenAI-compatible endpoint</td></tr>
 * <tr><td>HPSv2, UnifiedReward</td><td>{@link org.xomni.rl.reward.ScoreServer}: any server that speaks {@code POST /score}</td></tr>
 * <tr><td>(ours)</td><td>{@link org.xomni.rl.reward.SelfReward}, {@link org.xomni.rl.reward.SignsFidelity}</td></tr>
 * </table>
 */
@NullMarked
package org.xomni.rl.reward;

import org.jspecify.annotations.NullMarked;
