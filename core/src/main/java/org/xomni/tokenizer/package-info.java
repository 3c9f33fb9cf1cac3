/**
 * The semantic image tokenizer (paper section 3.1): an image becomes a grid of discrete tokens that the language model reads and writes,
 * and tokens become the features that the diffusion decoder draws from. It is frozen in everything that comes after its own training.
 *
 * <table>
 * <caption>The paper's terms</caption>
 * <tr><th>term</th><th>class</th></tr>
 * <tr><td>any-resolution images, short side 384, long side at most 1152</td><td>{@link org.xomni.tokenizer.ImageTransform}</td></tr>
 * <tr><td>SigLIP2-g ViT, patches of 16 pixels</td>
 *     <td>{@link org.xomni.tokenizer.VisionTransformer}, {@link org.xomni.tokenizer.VitConfig}</td></tr>
 * <tr><td>vector quantiser (IBQ) with 16,384 codes of 2,048 dimensions; way back by residual blocks</td>
 *     <td>{@link org.xomni.tokenizer.VectorQuantizer}</td></tr>
 * <tr><td>semantic tokens, {@code h} rows of {@code w}</td><td>{@link org.xomni.image.ImageTokens}</td></tr>
 * <tr><td>the tokenizer as a whole</td>
 *     <td>{@link org.xomni.tokenizer.ImageTokenizer}, {@link org.xomni.tokenizer.TokenizerConfig}</td></tr>
 * </table>
 *
 * <p>Legend of shapes: B images, Y x X pixels, h x w tokens, L = h*w, D the ViT's width and the quantiser's outer width, H heads, K codes,
 * C the dimension of a code,
 * N = B*L features.
 */
@NullMarked
package org.xomni.tokenizer;

import org.jspecify.annotations.NullMarked;
