package org.xomni.train.report;

import static org.xomni.train.report.Html.escape;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.Base64;
import java.util.List;
import java.util.stream.IntStream;
import org.xomni.tensor.XOmniException;

/** Sheets in one place, one at a time, so that one sees how the pictures change; without the page's script all, one below the other. */
final class SheetViewer {
    private static final int MOST = 40;
    private static final long MOST_BYTES = 16L << 20;
    private static final int WIDTH_AT = 16;
    private static final int WIDEST = 1100;

    private SheetViewer() {}

    /** The viewer as HTML, nothing if there are no sheets. */
    static String of(List<RunFolder.Sheet> all) {
        if (all.isEmpty()) {
            return "";
        }
        List<RunFolder.Sheet> shown = thinned(all);
        StringBuilder html = new StringBuilder("<div class=\"sheets\">\n<h3>Sheets</h3>\n");
        if (shown.size() > 1) {
            html.append("""
                    <div class="flip"><button type="button" aria-label="earlier">&#8592;</button>\
                    <input type="range" min="0" max="%d" value="%1$d" aria-label="which sheet">\
                    <button type="button" aria-label="later">&#8594;</button></div>
                    """.formatted(shown.size() - 1));
        }
        for (RunFolder.Sheet sheet : shown) {
            byte[] png = bytes(sheet);
            html.append("<figure><figcaption>step ").append(Html.count(sheet.step())).append("</figcaption>")
                    .append("<img alt=\"pictures after step ").append(sheet.step())
                    .append("\" style=\"width:").append(width(png))
                    .append("px\" src=\"data:image/png;base64,").append(Base64.getEncoder().encodeToString(png)).append("\">");
            if (sheet.captions() != null) {
                html.append("<pre>").append(escape(sheet.captions().strip())).append("</pre>");
            }
            html.append("</figure>\n");
        }
        if (shown.size() < all.size()) {
            html.append("<p class=\"note\">%d of %d sheets, evenly chosen.</p>\n".formatted(shown.size(), all.size()));
        }
        return html.append("</div>\n").toString();
    }

    /** The first, the last and evenly between: a page must stay of a size that a browser opens. */
    private static List<RunFolder.Sheet> thinned(List<RunFolder.Sheet> all) {
        long bytes = all.stream().mapToLong(sheet -> sheet.png().toFile().length()).sum();
        int most = (int) Math.clamp(MOST_BYTES * all.size() / Math.max(1, bytes), 2, MOST);
        return all.size() <= most ? all : IntStream.range(0, most).mapToObj(i -> all.get(i * (all.size() - 1) / (most - 1))).toList();
    }

    private static byte[] bytes(RunFolder.Sheet sheet) {
        try {
            return Files.readAllBytes(sheet.png());
        } catch (IOException e) {
            throw new XOmniException(sheet.png() + " cannot be read (" + e + "); check its permissions", e);
        }
    }

    /** A whole multiple of the picture's own width where that fits: small pictures are shown larger, pixel by pixel. */
    private static int width(byte[] png) {
        int own = png.length >= WIDTH_AT + 4 ? ByteBuffer.wrap(png).getInt(WIDTH_AT) : 0;
        return own <= 0 ? WIDEST : own * Math.clamp(WIDEST / own, 1, 3);
    }
}
