package org.xomni.eval;

import org.xomni.data.signs.Shape;

/**
 * A shape that was found in a picture.
 *
 * @param explained how much of the deviation from the background, in the cells where it stands, is explained by this shape: at most 1
 */
record SeenShape(Shape shape, double explained) {}
