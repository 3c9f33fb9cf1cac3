package org.xomni.server;

import java.util.concurrent.CancellationException;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.xomni.RefusedException;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import tools.jackson.databind.node.ObjectNode;

/** An error as clients of OpenAI's API know it: a status and {@code {"error":{"message","type","param","code"}}}. */
final class ApiException extends RuntimeException {
    private static final long serialVersionUID = 1L;
    /** Messages of the library name command line options; here they are fields. */
    private static final Pattern OPTION = Pattern.compile("--([a-z]+(?:-[a-z]+)*)");

    private static final int CLIENT_GONE = 499;

    private final int status;
    private final String type;
    private final String code;
    private final @Nullable String param;
    private final long retryAfterSeconds;

    private ApiException(int status, String type, String code, @Nullable String param, String message, long retryAfterSeconds) {
        super(message, null, false, false);
        this.status = status;
        this.type = type;
        this.code = code;
        this.param = param;
        this.retryAfterSeconds = retryAfterSeconds;
    }

    ApiException(int status, String code, @Nullable String param, String message) {
        this(status, status == 401 || status == 403 ? "authentication_error" : "invalid_request_error", code, param, message, 0);
    }

    /** A field that cannot be used as it is. */
    static ApiException field(String param, String message) {
        return new ApiException(400, "invalid_value", param, message);
    }

    /** Something that is not there, or no longer. */
    static ApiException notFound(String code, String message) {
        return new ApiException(404, code, null, message);
    }

    /** The server has no room at the moment. */
    static ApiException busy(String message) {
        return new ApiException(429, "rate_limit_error", "server_busy", null, message, 2);
    }

    /** What a client is told about a failure; a failure that is nobody's fault but ours keeps its details to the log. */
    static ApiException of(Throwable failure) {
        return switch (failure) {
            case ApiException known -> known;
            // The checkpoint is not the client's.
            case InputException input when !(input instanceof CheckpointException) -> new ApiException(
                    400, "invalid_value", null, OPTION.matcher(String.valueOf(input.getMessage())).replaceAll(m -> m.group(1).replace('-', '_')));
            case RefusedException refused -> of(refused);
            case CancellationException cancelled -> new ApiException(CLIENT_GONE, "cancelled", null, "the request was cancelled");
            default -> new ApiException(500, "server_error", "internal_error", null, "the server failed; its log says why", 0);
        };
    }

    private static ApiException of(RefusedException refused) {
        String message = String.valueOf(refused.getMessage());
        long retry = Math.max(1, refused.retryAfter().toSeconds());
        return switch (refused.reason()) {
            case QUEUE_FULL -> new ApiException(429, "rate_limit_error", "queue_full", null, message, retry);
            case WAITED_TOO_LONG -> new ApiException(429, "rate_limit_error", "waited_too_long", null, message, retry);
            case TOOK_TOO_LONG -> new ApiException(504, "server_error", "timeout", null, message, 0);
            case CLOSING -> new ApiException(503, "server_error", "shutting_down", null, message, retry);
        };
    }

    int status() {
        return status;
    }

    /** When to try again, or 0. */
    long retryAfterSeconds() {
        return retryAfterSeconds;
    }

    ObjectNode json() {
        ObjectNode document = Json.mapper().createObjectNode();
        document.putObject("error").put("message", getMessage()).put("type", type).put("param", param).put("code", code);
        return document;
    }
}
