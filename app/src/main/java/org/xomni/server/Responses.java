package org.xomni.server;

import io.javalin.http.Context;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Writes answers and errors. */
final class Responses {
    private static final Logger LOG = LoggerFactory.getLogger(Responses.class);

    private Responses() {}

    static void json(Context context, JsonNode document) {
        context.contentType("application/json; charset=utf-8").result(Json.mapper().writeValueAsString(document).getBytes(StandardCharsets.UTF_8));
    }

    /** An error as the whole response. */
    static void error(Context context, Throwable failure) {
        ApiException error = known(failure);
        context.status(error.status());
        if (error.retryAfterSeconds() > 0) {
            context.header("Retry-After", Long.toString(error.retryAfterSeconds()));
        }
        if (error.status() == 401) {
            context.header("WWW-Authenticate", "Bearer");
        }
        json(context, error.json());
    }

    /** An error within a stream that has begun. */
    static ObjectNode failure(Throwable failure) {
        return known(failure).json();
    }

    private static ApiException known(Throwable failure) {
        ApiException error = ApiException.of(failure);
        if (error.status() == 500) {
            LOG.error("a request failed: {}", failure.toString(), failure);
        }
        return error;
    }
}
