/**
 * Images outside the model: files, pixels and token grids. Plain Java, no tensors.
 *
 * <ul>
 *   <li>Semantic image tokens (paper section 3.1), the grid that passes between tokenizer, language model and decoder:
 *       {@link org.xomni.image.ImageTokens}; its JSON form: {@link org.xomni.image.TokensFile}
 *   <li>8-bit RGB: {@link org.xomni.image.Pixels}, read from files as the reference's imaging library (Pillow) reads them by
 *       {@link org.xomni.image.ImageFiles}, resized as it resizes by {@link org.xomni.image.PillowResize}
 *   <li>Drawn images, with prompt, seed and parameters inside: {@link org.xomni.image.PngWriter}, {@link org.xomni.image.PngText}
 * </ul>
 */
@NullMarked
package org.xomni.image;

import org.jspecify.annotations.NullMarked;
