package org.xomni.cli;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.xomni.XOmni;
import org.xomni.image.ImageFiles;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.image.TokensFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code xomni tokenize IMAGE}: pixels to tokens. */
@Command(name = "tokenize", mixinStandardHelpOptions = true, description = "Turns an image into tokens.")
final class TokenizeCommand implements Callable<Integer> {
    @Parameters(paramLabel = "IMAGE", description = "A PNG, JPEG, WebP, GIF or BMP file.")
    Path image = Path.of("");

    @Option(names = "--json", description = "Prints {\"height\":h,\"width\":w,\"tokens\":[...]}, which detokenize accepts.")
    boolean json;

    @Mixin
    ModelOptions modelOptions = new ModelOptions();

    @Override
    public Integer call() {
        Pixels pixels = ImageFiles.read(image);
        try (XOmni xomni = modelOptions.load()) {
            ImageTokens tokens = xomni.tokenize(pixels);
            System.out.println(json ? TokensFile.toJson(new TokensFile.Entry(tokens)) : grid(tokens));
        }
        return 0;
    }

    /** A line of numbers for each row of tokens. */
    private static String grid(ImageTokens tokens) {
        int[] ids = tokens.ids();
        int columns = String.valueOf(Arrays.stream(ids).max().orElse(0)).length();
        StringBuilder out = new StringBuilder();
        for (int row = 0; row < tokens.height(); row++) {
            String line = Arrays.stream(ids, row * tokens.width(), (row + 1) * tokens.width())
                    .mapToObj(id -> " ".repeat(columns - String.valueOf(id).length()) + id)
                    .collect(Collectors.joining(" "));
            out.append(row == 0 ? "" : "\n").append(line);
        }
        return out.toString();
    }
}
