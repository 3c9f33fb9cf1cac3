/**
 * The layers that all models share, as plain records over their parameters. A factory {@code of(p, ...)} asks {@link org.xomni.tensor.Parameters}
 * for what the layer needs by checkpoint name and shape; {@code forward} reads like the formula.
 *
 * <p>Legend of shapes: B batch, L length, D width, H heads, K head width, C channels, Y height, X width; a name may carry it ({@code q_BHLK}).
 */
@NullMarked
package org.xomni.nn;

import org.jspecify.annotations.NullMarked;
