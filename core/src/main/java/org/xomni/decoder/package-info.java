/**
 * The image decoder: semantic tokens become pixels (paper section 3.3).
 *
 * <ul>
 *   <li>{@link org.xomni.decoder.DiffusionDecoder} the whole way: token features and a prompt in, an image out.
 *   <li>{@link org.xomni.decoder.FluxTransformer} the diffusion transformer, FLUX.1-dev with the tokens as a second condition; what steers
 * it is a
 *       {@link org.xomni.decoder.Conditioning}: text and tokens (X-Omni En) or tokens only (X-Omni Zh).
 *   <li>{@link org.xomni.decoder.FlowMatchScheduler} the noise levels, {@link org.xomni.decoder.Vae} the latent space.
 *   <li>{@link org.xomni.decoder.PromptEncoder} the prompt's two encoders, {@link org.xomni.decoder.ClipTextEncoder} and {@link
 *       org.xomni.decoder.T5Encoder}.
 * </ul>
 *
 * <p>Legend of shapes: B batch, L image positions (row-major), S text positions, N = S + L, text first; D width, H heads, K head width, C
 * channels of packed latents, Z channels of latents, T width of token features, P width of the pooled prompt, J width of the prompt's
 * vectors; Y height, X width.
 */
@NullMarked
package org.xomni.decoder;

import org.jspecify.annotations.NullMarked;
