package org.xomni.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.xomni.ChatRequest;
import org.xomni.Progress;
import org.xomni.Reply;
import org.xomni.XOmni;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.ImageFiles;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code xomni chat [PROMPT]}: one answer, or without PROMPT a conversation. */
@Command(name = "chat", mixinStandardHelpOptions = true, description = "Answers a question, about images too; without PROMPT, a conversation.")
final class ChatCommand implements Callable<Integer> {
    @Parameters(paramLabel = "PROMPT", arity = "0..1", description = "The question. Without it a conversation begins.")
    @Nullable
    String prompt;

    @Option(names = "--image", paramLabel = "FILE", description = "An image to show; may be given several times.")
    List<Path> images = List.of();

    @Option(names = "--max-tokens", paramLabel = "N", description = "The longest answer. Default: 512, or what the context leaves.")
    @Nullable
    Integer maxTokens;

    @Option(names = "--temperature", paramLabel = "T", defaultValue = "0", description = "Default: 0, the likeliest answer.")
    double temperature;

    @Option(names = "--seed", paramLabel = "S", defaultValue = "1234", description = "Of the sampling. Default: 1234.")
    long seed;

    @Option(names = "--json", description = "Prints {\"text\":\"...\",\"tokens\":[ids...]}.")
    boolean json;

    @Mixin
    ModelOptions modelOptions = new ModelOptions();

    @Override
    public Integer call() throws Exception {
        Sampling sampling = Sampling.text(temperature);
        if (maxTokens != null && maxTokens < 1) {
            throw new InputException("--max-tokens " + maxTokens + " is below 1; ask for at least one token");
        }
        int limit = maxTokens == null ? 0 : maxTokens;
        List<Pixels> pixels = images.stream().map(ImageFiles::read).toList();
        if (prompt == null) {
            if (json) {
                throw new InputException("--json needs a PROMPT; leave it out for a conversation");
            }
            try (XOmni xomni = modelOptions.load()) {
                new InteractiveChat(xomni, limit, sampling, seed).run(pixels);
            }
            return 0;
        }
        ChatRequest request = new ChatRequest(prompt, pixels, limit, sampling, seed);
        Consumer<String> listener = json ? piece -> {} : InteractiveChat::print;
        try (XOmni xomni = modelOptions.load()) {
            Reply reply = xomni.chat(request, listener, Progress.NONE);
            if (json) {
                Map<String, Object> document = new LinkedHashMap<>();
                document.put("text", reply.text());
                document.put("tokens", reply.tokens());
                System.out.println(Json.mapper().writeValueAsString(document));
            } else {
                System.out.println();
            }
        }
        return 0;
    }
}
