/**
 * What models are trained on: one {@link org.xomni.data.Sample} for everything, from any {@link org.xomni.data.SampleSource}. The
 * procedural signs world, from which the default model learns all it knows, is {@code org.xomni.data.signs}.
 *
 * <ul>
 *   <li>Files hold {@link org.xomni.data.Records}: {@link org.xomni.data.WebDataset}, {@link org.xomni.data.AnnotatedImages} (captions and
 *       LLaVA's conversations), {@link org.xomni.data.TokenShards} (pictures as tokens already). {@link org.xomni.data.Shuffled} makes an
 *       endless source of records, {@link org.xomni.data.Mixture} one source of several.
 *   <li>{@link org.xomni.data.SampleStream} reads ahead on other threads. {@link org.xomni.data.BucketBatcher} makes batches of pictures;
 *       {@link org.xomni.data.SequenceEncoder} and {@link org.xomni.data.Packer} make rows of tokens for the unified model.
 * </ul>
 *
 * <p>Nothing here holds a random state: order and chance are computed from seeds and indices ({@link org.xomni.data.Seeds}), so that a run
 * resumes exactly where it stopped by a position and a few indices.
 */
@NullMarked
package org.xomni.data;

import org.jspecify.annotations.NullMarked;
