/**
 * The unified model: one transformer that reads and writes text and image tokens in the same sequence (paper, section 3.2).
 *
 * <table>
 * <caption>Paper to code</caption>
 * <tr><td>unified autoregressive model</td><td>{@link org.xomni.autoregressive.UnifiedModel}, {@link org.xomni.autoregressive.UnifiedConfig}</td></tr>
 * <tr><td>vision-specific blocks</td><td>{@link org.xomni.autoregressive.TransformerBlock} with {@code visionSpecific}</td></tr>
 * <tr><td>image embedding and head</td><td>{@code mmEmbedding}, {@code mmHead}; {@link org.xomni.autoregressive.Head}</td></tr>
 * <tr><td>{@code <SOM>h w<IMAGE>...<EOM>}</td><td>{@link org.xomni.autoregressive.Vocabulary}</td></tr>
 * <tr><td>sampling, guidance</td><td>{@link org.xomni.autoregressive.Sampling}, {@link org.xomni.autoregressive.Sampler}</td></tr>
 * <tr><td>sequences that begin alike, in training</td><td>{@link org.xomni.autoregressive.SharedPrefix}</td></tr>
 * <tr><td>key-value cache, batch of rows</td><td>{@link org.xomni.autoregressive.KvCache}, {@link org.xomni.autoregressive.Batch},
 * {@link org.xomni.autoregressive.Sequence}</td></tr>
 * </table>
 *
 * <p>Read {@code UnifiedModel.forward} first, then {@code Batch.step}.
 */
@NullMarked
package org.xomni.autoregressive;

import org.jspecify.annotations.NullMarked;
