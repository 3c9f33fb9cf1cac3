package org.xomni.eval;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.xomni.data.signs.Colour;
import org.xomni.data.signs.Painter;
import org.xomni.data.signs.Place;
import org.xomni.data.signs.Scene;
import org.xomni.data.signs.Shape;
import org.xomni.image.Pixels;

/** How much of each pixel of its 2x2 cells a shape covers, 0..1, row-major: read off the world's own painter. */
final class ShapeMask {
    /** Pixels of a shape's side. */
    static final int SIDE = Scene.TALL * Scene.CELL;

    private static final Map<Shape.Kind, float[]> MASKS = masks();

    private ShapeMask() {}

    /** The coverage of a kind of shape; callers must not write to it. */
    static float[] of(Shape.Kind kind) {
        return MASKS.getOrDefault(kind, new float[0]);
    }

    private static Map<Shape.Kind, float[]> masks() {
        Place corner = new Place(Place.Row.TOP, Place.Column.LEFT);
        Map<Shape.Kind, float[]> masks = new EnumMap<>(Shape.Kind.class);
        for (Shape.Kind kind : Shape.Kind.values()) {
            Shape black = new Shape(kind, Colour.BLACK, corner);
            Pixels picture = Painter.paint(
                    new Scene(4 * Scene.CELL, 4 * Scene.CELL, Colour.WHITE, Optional.empty(), Optional.empty(), List.of(black)));
            float[] mask = new float[SIDE * SIDE];
            float range = Colour.WHITE.channel(0) - Colour.BLACK.channel(0);
            for (int i = 0; i < mask.length; i++) {
                mask[i] = (Colour.WHITE.channel(0) - picture.get(i / SIDE, i % SIDE, 0)) / range;
            }
            masks.put(kind, mask);
        }
        return masks;
    }
}
