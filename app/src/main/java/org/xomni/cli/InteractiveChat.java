package org.xomni.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.xomni.ChatRequest;
import org.xomni.Checkpoint;
import org.xomni.Conversation;
import org.xomni.DrawRequest;
import org.xomni.Drawing;
import org.xomni.Progress;
import org.xomni.XOmni;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.ImageFiles;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.image.PngWriter;
import org.xomni.tensor.InputException;

/** A conversation line by line: text goes to the model, lines with a slash are commands. Answers go to stdout, all else to stderr. */
final class InteractiveChat {
    private static final String HELP = "/draw PROMPT draws, /image FILE shows an image, /save FILE saves the last drawing, /quit ends";

    private final XOmni xomni;
    private final int maxTokens;
    private final Sampling sampling;
    private final long seed;
    private @Nullable Drawing last;
    private @Nullable DrawRequest lastRequest;

    InteractiveChat(XOmni xomni, int maxTokens, Sampling sampling, long seed) {
        this.xomni = xomni;
        this.maxTokens = maxTokens;
        this.sampling = sampling;
        this.seed = seed;
    }

    /**
     * Reads stdin to its end, or to {@code /quit}.
     *
     * @param images shown before the first line
     */
    void run(List<Pixels> images) throws IOException {
        boolean watched = Terminal.stderrIsTerminal();
        if (watched) {
            System.err.println(HELP);
        }
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (Conversation conversation = xomni.converse()) {
            images.forEach(conversation::show);
            while (true) {
                if (watched) {
                    System.err.print("> ");
                    System.err.flush();
                }
                String line = in.readLine();
                if (line == null || line.strip().equals("/quit")) {
                    return;
                }
                try {
                    take(conversation, line.strip());
                } catch (InputException e) {
                    System.err.println("xomni: " + e.getMessage());
                }
            }
        }
    }

    private void take(Conversation conversation, String line) {
        String command = line.split("\\s", 2)[0];
        String rest = line.substring(command.length()).strip();
        switch (command) {
            case "" -> {}
            case "/draw" -> draw(conversation, require(rest, "/draw PROMPT"));
            case "/image" -> {
                ImageTokens tokens = conversation.show(ImageFiles.read(path(require(rest, "/image FILE"))));
                System.err.println("shown as " + tokens.height() + "x" + tokens.width() + " tokens");
            }
            case "/save" -> save(path(require(rest, "/save FILE")));
            case "/help" -> System.err.println(HELP);
            default -> {
                if (command.startsWith("/")) {
                    throw new InputException(command + " is not a command; " + HELP);
                }
                conversation.say(new ChatRequest(line, List.of(), maxTokens, sampling, seed), InteractiveChat::print, Progress.NONE);
                System.out.println();
            }
        }
    }

    private void draw(Conversation conversation, String prompt) {
        Checkpoint.Size size = xomni.checkpoint().defaultSize();
        try (ProgressBars progress = new ProgressBars()) {
            DrawRequest request = DrawRequest.of(prompt, size.height(), size.width(), seed);
            last = conversation.draw(request, progress);
            lastRequest = request;
        }
        System.err.println("drawn, " + size.height() + "x" + size.width() + " pixels; /save FILE writes it");
    }

    private void save(Path file) {
        if (last == null || lastRequest == null) {
            throw new InputException("nothing is drawn yet; /draw PROMPT first");
        }
        Outputs.requirePictures(file, 1);
        PngWriter.write(file, last.pixels(), Outputs.texts(lastRequest.prompt(), last.seed(), Outputs.parameters(
                lastRequest.sampling(), lastRequest.decode(), xomni.checkpoint().decoder(), lastRequest.height(), lastRequest.width())));
        System.err.println(file);
    }

    private static String require(String rest, String usage) {
        if (rest.isEmpty()) {
            throw new InputException(usage.replaceFirst(" .*", "") + " needs more; write " + usage);
        }
        return rest;
    }

    private static Path path(String file) {
        try {
            return Path.of(file);
        } catch (InvalidPathException e) {
            throw new InputException("the name of the file has a character that this system does not allow; write another", e);
        }
    }

    static void print(String piece) {
        System.out.print(piece);
        System.out.flush();
    }
}
