package org.xomni.server;

import io.javalin.http.Context;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

/**
 * A response of server-sent events. Threads that draw put events in and never wait; the thread that handles the request writes them. When nothing
 * happens for a while a comment is sent, which finds out about clients that are gone and keeps proxies patient.
 */
final class EventStream {
    private static final long SILENCE_MILLIS = 1000;
    /** Silences before a response begins all the same. */
    private static final int PATIENCE = 10;

    private final Context context;
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private @Nullable Event first;
    private boolean begun;

    /** What to write; the end has no data. */
    private record Event(@Nullable String name, @Nullable String data) {}

    EventStream(Context context) {
        this.context = context;
    }

    /** Sends an event before all others. */
    void first(JsonNode data) {
        first = new Event(null, Json.mapper().writeValueAsString(data));
    }

    /** Sends an event later, in order. */
    void put(@Nullable String name, JsonNode data) {
        events.add(new Event(name, Json.mapper().writeValueAsString(data)));
    }

    /** Text that is no JSON, such as {@code [DONE]}. */
    void put(String data) {
        events.add(new Event(null, data));
    }

    /** The last event is in. */
    void end() {
        events.add(new Event(null, null));
    }

    /**
     * Writes events until the end. The response begins with the first event, so that what fails before it can still be answered with a status.
     *
     * @return whether the response has begun
     * @throws IOException if the client is gone
     */
    boolean write() throws IOException, InterruptedException {
        int silences = 0;
        while (true) {
            Event event = events.poll(SILENCE_MILLIS, TimeUnit.MILLISECONDS);
            if (event == null) {
                silences++;
                if (begun || silences >= PATIENCE) {
                    OutputStream out = begin();
                    out.write(": still at it\n\n".getBytes(StandardCharsets.US_ASCII));
                    out.flush();
                }
                continue;
            }
            if (event.data() == null) {
                return begun;
            }
            OutputStream out = begin();
            write(out, event);
            if (events.isEmpty()) {
                out.flush();
            }
        }
    }

    private OutputStream begin() throws IOException {
        if (!begun) {
            begun = true;
            context.status(200).contentType("text/event-stream; charset=utf-8").header("X-Accel-Buffering", "no");
            if (first != null) {
                write(context.res().getOutputStream(), first);
            }
        }
        return context.res().getOutputStream();
    }

    private static void write(OutputStream out, Event event) throws IOException {
        String name = event.name() == null ? "" : "event: " + event.name() + "\n";
        out.write((name + "data: " + event.data() + "\n\n").getBytes(StandardCharsets.UTF_8));
    }
}
