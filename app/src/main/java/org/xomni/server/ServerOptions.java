package org.xomni.server;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import org.xomni.tensor.InputException;

/**
 * Where and for whom the server listens, and how much it takes.
 *
 * @param host an address of this machine
 * @param port or 0 for any that is free
 * @param keys what clients show, of 16 characters or more each; none for everybody who can reach the address
 * @param everybody whether there may be no keys where other machines reach the address
 * @param maxBodyBytes of a request
 * @param maxPixels of an image, shown or drawn
 * @param maxPromptCharacters of a prompt, and of all texts of a conversation together
 * @param logRequests whether each request makes a line in the log
 * @param logPrompts whether prompts and messages are logged, without their images
 */
public record ServerOptions(
        String host,
        int port,
        List<String> keys,
        boolean everybody,
        int maxBodyBytes,
        long maxPixels,
        int maxPromptCharacters,
        boolean logRequests,
        boolean logPrompts) {
    /** A body: a few photographs in base64. */
    public static final int DEFAULT_MAX_BODY = 32 << 20;

    public static final long DEFAULT_MAX_PIXELS = 16 << 20;
    public static final int DEFAULT_MAX_PROMPT = 32_000;
    /** Characters of a key that is not to be guessed. */
    public static final int SHORTEST_KEY = 16;

    private static final int SMALLEST_BODY = 1024;
    private static final int LARGEST_PORT = 65_535;

    /** @throws InputException if a number is out of range, a key is short, or other machines would be let in without one */
    public ServerOptions {
        keys = List.copyOf(keys);
        if (port < 0 || port > LARGEST_PORT) {
            throw new InputException("--port " + port + " is not a port; use 0 to " + LARGEST_PORT);
        }
        atLeast("--max-body", maxBodyBytes, SMALLEST_BODY);
        atLeast("--max-pixels", maxPixels, 1);
        atLeast("--max-prompt", maxPromptCharacters, 1);
        if (keys.stream().anyMatch(key -> key.length() < SHORTEST_KEY)) {
            throw new InputException("a key has fewer than " + SHORTEST_KEY + " characters; use longer ones");
        }
        try {
            InetAddress unused = InetAddress.getByName(host);
        } catch (UnknownHostException e) {
            throw new InputException("--host " + host + " is no address that can be found; give one of this machine's, such as 127.0.0.1, or 0.0.0.0 for all of them", e);
        }
        if (keys.isEmpty() && !everybody && !Guard.isLoopback(host)) {
            throw new InputException("--host " + host + " can be reached from other machines; give --api-key-file FILE, or --no-key to let everybody in");
        }
    }

    private static void atLeast(String option, long value, long least) {
        if (value < least) {
            throw new InputException(option + " " + value + " is below " + least + "; leave it out for the default");
        }
    }

    /** On this machine only, for everybody on it. */
    public static ServerOptions local(int port) {
        return new ServerOptions("127.0.0.1", port, List.of(), false, DEFAULT_MAX_BODY, DEFAULT_MAX_PIXELS, DEFAULT_MAX_PROMPT, false, false);
    }

    /** The same for holders of a key. */
    public ServerOptions keys(List<String> keys) {
        return new ServerOptions(host, port, keys, everybody, maxBodyBytes, maxPixels, maxPromptCharacters, logRequests, logPrompts);
    }
}
