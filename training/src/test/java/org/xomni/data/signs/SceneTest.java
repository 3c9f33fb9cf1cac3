package org.xomni.data.signs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;

class SceneTest {
    private static final Shape CENTRED = new Shape(Shape.Kind.STAR, Colour.RED, new Place(Place.Row.MIDDLE, Place.Column.CENTER));

    @Test
    void whatCannotBeReadIsRefused() {
        refused(() -> sign(Colour.WHITE, Optional.empty(), Optional.of(text(Colour.YELLOW, "A")), List.of()))
                .hasMessageContaining("yellow text");
        refused(() -> sign(Colour.RED, Optional.of(Colour.ORANGE), Optional.empty(), List.of())).hasMessageContaining("orange border");
        refused(() -> sign(Colour.RED, Optional.empty(), Optional.empty(), List.of(CENTRED))).hasMessageContaining("red star");
        refused(() -> sign(Colour.WHITE, Optional.empty(), Optional.of(text(Colour.BLACK, "OPEN")), List.of(CENTRED)))
                .hasMessageContaining("overlaps");
        refused(() -> sign(Colour.WHITE, Optional.empty(), Optional.empty(), List.of(CENTRED, CENTRED))).hasMessageContaining("overlaps");
        refused(() -> sign(Colour.WHITE, Optional.empty(), Optional.of(text(Colour.BLACK, "123456789")), List.of()))
                .hasMessageContaining("8 cells");
        refused(() -> sign(Colour.WHITE, Optional.of(Colour.RED), Optional.of(text(Colour.BLACK, "1234567")), List.of()))
                .hasMessageContaining("6 cells");
        refused(() -> text(Colour.BLACK, "1", "2", "3", "4")).hasMessageContaining("4 lines");
        refused(() -> text(Colour.BLACK, "é")).hasMessageContaining("é");
        refused(() -> text(Colour.BLACK, " A")).hasMessageContaining("blanks");
        refused(() -> new Scene(100, 128, Colour.RED, Optional.empty(), Optional.empty(), List.of())).hasMessageContaining("height of 100");
    }

    @Test
    void aCharacterFallsIntoItsCellsTheSameWayEverywhere() {
        Pixels top = Painter.paint(sign(Colour.WHITE, Optional.empty(),
                Optional.of(new Scene.Text(List.of("Qg", "ab"), Colour.BLACK, Place.Row.TOP)), List.of()));
        Pixels bottom = Painter.paint(sign(Colour.WHITE, Optional.of(Colour.RED),
                Optional.of(new Scene.Text(List.of("gQ"), Colour.BLACK, Place.Row.BOTTOM)), List.of()));
        assertThat(cells(top, 0, 3)).isEqualTo(cells(bottom, 5, 4)).isNotEqualTo(cells(top, 0, 4));
        assertThat(cells(top, 0, 4)).isEqualTo(cells(bottom, 5, 3));
        // The text's own colour is reached, and nothing leaves the cells.
        assertThat(top.rgb()).contains((byte) Colour.BLACK.channel(0));
        assertThat(cells(top, 4, 3)).containsOnly(-1);
    }

    @Test
    void charactersDiffer() {
        for (char a = '!'; a <= '~'; a++) {
            for (char b = '!'; b < a; b++) {
                assertThat(Glyphs.character(a)).as("%s and %s", a, b).isNotEqualTo(Glyphs.character(b));
            }
        }
        assertThat(Glyphs.character(' ')).containsOnly(0);
    }

    private static byte[] cells(Pixels picture, int row, int column) {
        byte[] cells = new byte[32 * 16 * 3];
        for (int y = 0; y < 32; y++) {
            int from = ((row * 16 + y) * picture.width() + column * 16) * 3;
            System.arraycopy(Arrays.copyOfRange(picture.rgb(), from, from + 48), 0, cells, y * 48, 48);
        }
        return cells;
    }

    private static Scene sign(Colour background, Optional<Colour> border, Optional<Scene.Text> text, List<Shape> shapes) {
        return new Scene(128, 128, background, border, text, shapes);
    }

    private static Scene.Text text(Colour colour, String... lines) {
        return new Scene.Text(List.of(lines), colour, Place.Row.MIDDLE);
    }

    private static AbstractThrowableAssert<?, ? extends Throwable> refused(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        return assertThatThrownBy(call).isInstanceOf(InputException.class);
    }
}
