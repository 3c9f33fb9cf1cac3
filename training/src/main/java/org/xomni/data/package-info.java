/**
 * What models are trained on: one {@link org.xomni.data.Sample} for everything, from any {@link org.xomni.data.SampleSource}. The procedural
 * signs world, from which the default model learns all it knows, is {@code org.xomni.data.signs}.
 */
@NullMarked
package org.xomni.data;

import org.jspecify.annotations.NullMarked;
