/**
 * The stages of training, one class each, and what they share. A stage is a loss over batches of its data; the loop around it is the same for
 * all ({@link org.xomni.train.TrainingLoop}).
 *
 * <table>
 * <caption>Paper to code</caption>
 * <tr><td>semantic tokenizer (section 3.1), IBQ losses</td><td>{@link org.xomni.train.TokenizerStage}, {@link org.xomni.train.IbqLoss}</td></tr>
 * <tr><td>pre-training 1 to 3, supervised fine-tuning (section 4)</td>
 *     <td>{@link org.xomni.train.UnifiedStage}, {@link org.xomni.train.UnifiedLoss}</td></tr>
 * <tr><td>diffusion decoder (section 3.3)</td><td>{@link org.xomni.train.DecoderStage}</td></tr>
 * <tr><td>VAE of the decoder</td><td>{@link org.xomni.train.AutoencoderStage}</td></tr>
 * </table>
 *
 * <p>Legend of shapes: B batch, L tokens, D width, K codes, C code dimension, N = B*L features, Y x X pixels.
 */
@NullMarked
package org.xomni.train;

import org.jspecify.annotations.NullMarked;
