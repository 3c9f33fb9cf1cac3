package org.xomni.server;

import java.util.List;

/**
 * Where and for whom the server listens, and how much it takes.
 *
 * @param host an address of this machine
 * @param port or 0 for any that is free
 * @param keys what clients show; none for everybody who can reach the address
 * @param maxBodyBytes of a request
 * @param maxPixels of an image, shown or drawn
 * @param maxPromptCharacters of one text
 * @param logRequests whether each request makes a line in the log
 * @param logPrompts whether these lines have the prompts
 */
public record ServerOptions(
        String host,
        int port,
        List<String> keys,
        int maxBodyBytes,
        long maxPixels,
        int maxPromptCharacters,
        boolean logRequests,
        boolean logPrompts) {
    /** A body: a few photographs in base64. */
    public static final int DEFAULT_MAX_BODY = 32 << 20;

    public static final long DEFAULT_MAX_PIXELS = 16 << 20;
    public static final int DEFAULT_MAX_PROMPT = 32_000;

    public ServerOptions {
        keys = List.copyOf(keys);
    }

    /** On this machine only, for everybody on it. */
    public static ServerOptions local(int port) {
        return new ServerOptions("127.0.0.1", port, List.of(), DEFAULT_MAX_BODY, DEFAULT_MAX_PIXELS, DEFAULT_MAX_PROMPT, false, false);
    }

    /** The same for holders of a key. */
    public ServerOptions keys(List<String> keys) {
        return new ServerOptions(host, port, keys, maxBodyBytes, maxPixels, maxPromptCharacters, logRequests, logPrompts);
    }
}
