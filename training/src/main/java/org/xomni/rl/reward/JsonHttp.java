package org.xomni.rl.reward;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.xomni.image.Pixels;
import org.xomni.image.PngWriter;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.XOmniException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** Asks a server by {@code POST} of JSON, again after growing pauses when it does not answer, is busy (429) or fails (5xx). */
final class JsonHttp implements AutoCloseable {
    private static final int TOO_MANY = 429;
    private static final int SERVER_ERROR = 500;
    private static final int OK = 200;
    private static final int SHOWN = 200;

    private final HttpClient client;
    private final URI url;
    private final @Nullable String key;
    private final Patience patience;

    /**
     * How long to try.
     *
     * @param timeout seconds for one answer, from the request to its last byte
     * @param attempts in all
     * @param pause seconds before the second attempt; twice as many before each further one
     */
    record Patience(double timeout, int attempts, double pause) {
        Patience {
            if (!(timeout > 0) || attempts < 1 || !(pause >= 0)) {
                throw new InputException("timeout " + timeout + " must be above 0 seconds, attempts " + attempts + " at least 1, pause " + pause
                        + " at least 0 seconds");
            }
        }
    }

    /**
     * @param url {@code http} or {@code https}
     * @param key a bearer token, or null
     * @throws InputException if the URL is none
     */
    JsonHttp(String url, @Nullable String key, Patience patience) {
        this.url = parse(url);
        this.key = key;
        this.patience = patience;
        // Servers such as uvicorn drop the body of a request that offers to upgrade, as the client does by default.
        this.client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(seconds(patience.timeout())).build();
    }

    /** @throws InputException if the URL is none */
    static void check(String url) {
        URI unused = parse(url);
    }

    private static URI parse(String url) {
        try {
            URI uri = URI.create(url);
            if (uri.getHost() != null && ("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))) {
                return uri;
            }
        } catch (IllegalArgumentException e) {
            throw new InputException("url '" + url + "' is no URL (" + e.getMessage() + "); give one such as http://localhost:8000/score", e);
        }
        throw new InputException("url '" + url + "' is no HTTP URL; give one such as http://localhost:8000/score");
    }

    private static Duration seconds(double seconds) {
        return Duration.ofMillis(Math.max(1, Math.round(seconds * 1e3)));
    }

    /**
     * Asks.
     *
     * @return the answer's JSON
     * @throws XOmniException if no attempt is answered, or the answer is no JSON
     */
    JsonNode post(Map<String, Object> body) {
        String text = Json.mapper().writeValueAsString(body);
        HttpRequest.Builder request = HttpRequest.newBuilder(url)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(text));
        if (key != null) {
            request.header("Authorization", "Bearer " + key);
        }
        String why = "";
        for (int attempt = 1; attempt <= patience.attempts(); attempt++) {
            if (attempt > 1) {
                pause(patience.pause() * (1L << Math.min(30, attempt - 2)));
            }
            try {
                HttpResponse<String> answer = whole(request.build());
                if (answer.statusCode() == OK) {
                    return json(answer.body());
                }
                why = "it answers " + answer.statusCode() + " " + excerpt(answer.body());
                if (answer.statusCode() != TOO_MANY && answer.statusCode() < SERVER_ERROR) {
                    throw failed(attempt, why, null);
                }
            } catch (IOException e) {
                why = e.toString();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw failed(attempt, "it was interrupted", e);
            }
        }
        throw failed(patience.attempts(), why, null);
    }

    /** The answer with its body. The request's own time-out would end with the headers, and a server that stalls after them would be waited for for ever. */
    private HttpResponse<String> whole(HttpRequest request) throws IOException, InterruptedException {
        CompletableFuture<HttpResponse<String>> answer = client.sendAsync(request, HttpResponse.BodyHandlers.ofString());
        try {
            return answer.get(seconds(patience.timeout()).toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new IOException("no whole answer within " + patience.timeout() + " s", e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
        } finally {
            boolean unused = answer.cancel(true);
        }
    }

    private JsonNode json(String body) {
        try {
            return Json.mapper().readTree(body);
        } catch (JacksonException e) {
            throw new XOmniException(url + " does not answer JSON but " + excerpt(body) + "; check the url", e);
        }
    }

    private XOmniException failed(int attempts, String why, @Nullable Throwable cause) {
        String message = url + " cannot be used, " + attempts + (attempts == 1 ? " attempt: " : " attempts: ") + why
                + "; see that the server runs and takes such requests";
        return cause == null ? new XOmniException(message) : new XOmniException(message, cause);
    }

    private void pause(double seconds) {
        try {
            Thread.sleep(seconds(seconds));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw failed(1, "it was interrupted", e);
        }
    }

    /** Begins of a text, for messages. */
    static String excerpt(String text) {
        String line = text.strip().replaceAll("\\s+", " ");
        return "'" + (line.length() > SHOWN ? line.substring(0, SHOWN) + "..." : line) + "'";
    }

    /** A picture as a PNG in base64. */
    static String base64(Pixels picture) {
        return Base64.getEncoder().encodeToString(PngWriter.encode(picture, Map.of()));
    }

    @Override
    public void close() {
        client.shutdownNow();
    }
}
