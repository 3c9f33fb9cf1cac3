package org.xomni.image;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.xomni.tensor.InputException;
import org.xomni.tensor.NewFile;

/** Many small pictures on one, and their captions in a text file beside it. */
public final class ContactSheet {
    private static final int GAP = 4;
    private static final byte GRAY = (byte) 0xE0;

    private ContactSheet() {}

    /**
     * Lays pictures out row by row, each in the middle of a cell as large as the largest of them.
     *
     * @throws InputException if there are none, or {@code columns} is below 1
     */
    public static Pixels of(List<Pixels> pictures, int columns) {
        if (pictures.isEmpty() || columns < 1) {
            throw new InputException("a contact sheet cannot show " + pictures.size() + " pictures in " + columns
                    + " columns; give at least one of each");
        }
        int cellHeight = pictures.stream().mapToInt(Pixels::height).max().orElseThrow() + GAP;
        int cellWidth = pictures.stream().mapToInt(Pixels::width).max().orElseThrow() + GAP;
        int used = Math.min(columns, pictures.size());
        int rows = (pictures.size() + used - 1) / used;
        Pixels sheet = new Pixels(rows * cellHeight + GAP, used * cellWidth + GAP);
        Arrays.fill(sheet.rgb(), GRAY);
        for (int i = 0; i < pictures.size(); i++) {
            Pixels picture = pictures.get(i);
            int top = GAP + i / used * cellHeight + (cellHeight - GAP - picture.height()) / 2;
            int left = GAP + i % used * cellWidth + (cellWidth - GAP - picture.width()) / 2;
            for (int y = 0; y < picture.height(); y++) {
                System.arraycopy(
                        picture.rgb(), y * picture.width() * 3, sheet.rgb(), ((top + y) * sheet.width() + left) * 3, picture.width() * 3);
            }
        }
        return sheet;
    }

    /**
     * Writes the sheet as a PNG and its captions, one a line and numbered from 1, to a file of the same name that ends in {@code .txt}.
     *
     * @throws InputException if there is not a caption for each picture, or a file cannot be written
     */
    public static void write(Path png, List<Pixels> pictures, List<String> captions, int columns) {
        if (captions.size() != pictures.size()) {
            throw new InputException(pictures.size() + " pictures cannot have " + captions.size() + " captions; give one for each");
        }
        PngWriter.write(png, of(pictures, columns), Map.of());
        String text = IntStream.range(0, captions.size())
                .mapToObj(i -> (i + 1) + "\t" + captions.get(i).replace("\n", " | ") + "\n")
                .collect(Collectors.joining());
        NewFile.write(beside(png), text);
    }

    /** The file of the captions. */
    static Path beside(Path png) {
        String name = png.toAbsolutePath().getFileName().toString();
        return png.resolveSibling((name.endsWith(".png") ? name.substring(0, name.length() - 4) : name) + ".txt");
    }
}
