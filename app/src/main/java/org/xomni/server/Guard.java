package org.xomni.server;

import io.javalin.http.Context;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Who may ask, and what browsers are told. Without keys the server is for this machine; pages of other origins, and names that resolve to this
 * machine only by a trick (DNS rebinding), are turned away.
 */
final class Guard {
    private static final String BEARER = "Bearer ";

    private final List<byte[]> keys;
    private final boolean loopback;

    Guard(ServerOptions options) {
        this.keys = options.keys().stream().map(Guard::digest).toList();
        this.loopback = isLoopback(options.host());
    }

    /** Whether only this machine reaches an address. */
    static boolean isLoopback(String host) {
        try {
            return InetAddress.getByName(host).isLoopbackAddress();
        } catch (UnknownHostException e) {
            return false;
        }
    }

    /** Headers of every response. */
    static void protect(Context context) {
        context.header("X-Content-Type-Options", "nosniff");
        context.header("X-Frame-Options", "DENY");
        context.header("Referrer-Policy", "no-referrer");
        context.header("Cross-Origin-Resource-Policy", "same-origin");
        context.header("Cross-Origin-Opener-Policy", "same-origin");
        context.header("Cache-Control", "no-store");
        context.header("Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; manifest-src 'self';"
                        + " base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    }

    /** Without keys, turns away pages of other sites and those that reach this machine by a name of theirs. Whoever shows a key is no such page. */
    void requireOwnSite(Context context) {
        if (!keys.isEmpty()) {
            return;
        }
        String host = context.header("Host");
        if (host == null || !isLocalName(host) && (loopback || !isAddress(host))) {
            throw new ApiException(403, "wrong_host", null, loopback
                    ? "this server answers to localhost only; use its own address"
                    : "without keys this server answers to localhost and to addresses in numbers only; use one, or start it with --api-key-file");
        }
        String origin = context.header("Origin");
        if (origin != null && (host == null || !origin.toLowerCase(Locale.ROOT).replaceFirst("^https?://", "").equals(host.toLowerCase(Locale.ROOT)))) {
            throw new ApiException(403, "wrong_origin", null, "pages of other sites may not use this server");
        }
    }

    private static String withoutPort(String host) {
        return host.startsWith("[") ? host.replaceFirst("](:\\d{1,5})?$", "]") : host.replaceFirst(":\\d{1,5}$", "");
    }

    /** Whether it is an address in numbers, which no foreign name can resolve to. */
    private static boolean isAddress(String host) {
        return withoutPort(host).matches("\\d{1,3}(\\.\\d{1,3}){3}|\\[[0-9a-fA-F:.]+]");
    }

    private static boolean isLocalName(String host) {
        String name = withoutPort(host);
        return name.equalsIgnoreCase("localhost") || name.matches("127(\\.\\d{1,3}){3}") || name.equals("[::1]");
    }

    /** @throws ApiException 401 unless the request shows one of the keys */
    void requireKey(Context context) {
        if (keys.isEmpty()) {
            return;
        }
        String header = context.header("Authorization");
        if (header == null || !header.regionMatches(true, 0, BEARER, 0, BEARER.length()) || !known(header.substring(BEARER.length()).strip())) {
            throw new ApiException(401, "invalid_api_key", null, "the API key is missing or wrong; send Authorization: Bearer KEY");
        }
    }

    /** Takes the same time whatever the key has in common with the right one, and whichever it is. */
    private boolean known(String key) {
        byte[] shown = digest(key);
        boolean found = false;
        for (byte[] right : keys) {
            found |= MessageDigest.isEqual(right, shown);
        }
        return found;
    }

    private static byte[] digest(String key) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JVM has SHA-256", e);
        }
    }

    /** A browser sends JSON to another site only after asking, and here nobody answers that question. */
    static void requireJson(@Nullable String contentType) {
        if (contentType == null || !contentType.toLowerCase(Locale.ROOT).split(";", 2)[0].strip().equals("application/json")) {
            throw new ApiException(415, "unsupported_media_type", null, "send JSON, with Content-Type: application/json");
        }
    }
}
