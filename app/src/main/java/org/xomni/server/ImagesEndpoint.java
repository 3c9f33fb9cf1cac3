package org.xomni.server;

import io.javalin.http.Context;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.xomni.Drawing;
import org.xomni.Job;
import org.xomni.Task;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.Json;
import tools.jackson.databind.node.ObjectNode;

/**
 * {@code POST /v1/images/generations}. Beyond OpenAI's fields it takes those of {@link DrawFields} and {@code xomni_tokens}, which adds an event for each
 * token and step to a stream; each picture says its {@code seed} and its {@code xomni_image}, the id by which a conversation can show it.
 */
final class ImagesEndpoint {
    /** The most pictures of one request. */
    static final int MOST_IMAGES = 10;

    private static final int MOST_PARTIAL = 3;

    private final Models models;
    private final ServerOptions options;
    private final Pictures pictures;

    ImagesEndpoint(Models models, ServerOptions options, Pictures pictures) {
        this.models = models;
        this.options = options;
        this.pictures = pictures;
    }

    /** What was asked for, and of which model. */
    private record Request(
            ServedModel model, String prompt, int count, DrawFields draw, boolean links, boolean stream, int partial, boolean tokens) {}

    void handle(Context context, Fields body) throws IOException, InterruptedException {
        Request request = read(body);
        if (request.stream()) {
            stream(context, request);
        } else {
            answer(context, request);
        }
    }

    private Request read(Fields body) {
        ServedModel model = models.asked(body);
        String prompt = body.text("prompt", options.maxPromptCharacters());
        if (prompt.isBlank()) {
            throw ApiException.field("prompt", "'prompt' is empty; say what to draw");
        }
        int count = (int) body.integer("n", 1, 1, MOST_IMAGES);
        boolean stream = body.flag("stream", false);
        if (stream && count > 1) {
            throw ApiException.field("n", "a stream has one image; ask for n 1, or leave 'stream' out");
        }
        boolean links = body.word("response_format", "b64_json", Set.of("b64_json", "url")).equals("url");
        if (stream && links) {
            throw ApiException.field("response_format", "a stream has pictures themselves; ask for b64_json, or leave 'stream' out");
        }
        int partial = (int) body.integer("partial_images", 0, 0, MOST_PARTIAL);
        if (body.word("background", "auto", Set.of("auto", "opaque", "transparent")).equals("transparent")) {
            throw ApiException.field("background", "'background' transparent is not supported; leave it out");
        }
        DrawFields draw = DrawFields.read(body, null, model.engine().checkpoint(), options.maxPixels());
        return new Request(model, prompt, count, draw, links, stream, partial, body.flag("xomni_tokens", false));
    }

    private void answer(Context context, Request request) throws InterruptedException {
        List<Task.Draw> tasks = new ArrayList<>();
        for (int i = 0; i < request.count(); i++) {
            tasks.add(Task.Draw.of(request.draw().request(request.prompt(), i)));
        }
        List<Job<Task.Drawn>> jobs = request.model().engine().draw(tasks, i -> Task.Listener.NONE);
        ObjectNode response = Json.mapper().createObjectNode();
        response.put("created", Instant.now().getEpochSecond());
        describe(response, request);
        var data = response.putArray("data");
        int read = 0;
        int drawn = 0;
        try (ClientWatch watch = ClientWatch.of(context.req(), () -> jobs.forEach(Job::cancel))) {
            for (Job<Task.Drawn> job : jobs) {
                Task.Drawn done = job.await();
                read += done.promptTokens();
                drawn += done.drawing().tokens().ids().length;
                picture(data.addObject(), done.drawing(), request, context);
            }
            if (watch.early()) {
                context.header("Connection", "close");
            }
        } finally {
            jobs.forEach(Job::cancel);
        }
        usage(response.putObject("usage"), read, drawn);
        Responses.json(context, response);
    }

    private void picture(ObjectNode node, Drawing drawing, Request request, Context context) {
        byte[] file = request.draw().file(drawing.pixels(), Pictures.texts(request.prompt(), drawing));
        if (request.links()) {
            String name = pictures.link(file, request.draw().format()) + "." + request.draw().format().word();
            node.put("url", scheme(context) + "://" + context.host() + "/v1/images/files/" + name);
        } else {
            node.put("b64_json", Base64.getEncoder().encodeToString(file));
        }
        node.put("seed", drawing.seed()).put("xomni_image", pictures.keep(drawing.tokens(), request.model().id()));
    }

    /** Behind a proxy that ends TLS the client speaks https, and the proxy http. A client that says so itself deceives itself alone. */
    private static String scheme(Context context) {
        return "https".equalsIgnoreCase(context.header("X-Forwarded-Proto")) ? "https" : context.scheme();
    }

    private void stream(Context context, Request request) throws IOException, InterruptedException {
        EventStream stream = new EventStream(context);
        Task.Draw task = new Task.Draw(request.draw().request(request.prompt(), 0), List.of(), request.partial());
        Job<Task.Drawn> job = request.model().engine().draw(task, listener(stream, request));
        job.whenDone(stream::end);
        try (ClientWatch watch = ClientWatch.of(context.req(), job::cancel)) {
            boolean begun = stream.write();
            finish(stream, request, job, begun);
            boolean unused = stream.write();
        } finally {
            job.cancel();
        }
    }

    private void finish(EventStream stream, Request request, Job<Task.Drawn> job, boolean begun) throws InterruptedException {
        try {
            Task.Drawn done = job.await();
            ObjectNode event = event("image_generation.completed", request);
            byte[] file = request.draw().file(done.drawing().pixels(), Pictures.texts(request.prompt(), done.drawing()));
            event.put("b64_json", Base64.getEncoder().encodeToString(file));
            event.put("seed", done.drawing().seed()).put("xomni_image", pictures.keep(done.drawing().tokens(), request.model().id()));
            usage(event.putObject("usage"), done.promptTokens(), done.drawing().tokens().ids().length);
            stream.put("image_generation.completed", event);
        } catch (RuntimeException e) {
            if (!begun) {
                throw e;
            }
            stream.put("error", Responses.failure(e));
        }
        stream.end();
    }

    private Task.Listener listener(EventStream stream, Request request) {
        return new Task.Listener() {
            @Override
            public void token(int id, int done, int total) {
                if (request.tokens()) {
                    ObjectNode event = Json.mapper().createObjectNode().put("type", "xomni.token");
                    stream.put("xomni.token", event.put("token", id).put("done", done).put("total", total));
                }
            }

            @Override
            public void decoding(int done, int total) {
                if (request.tokens()) {
                    ObjectNode event = Json.mapper().createObjectNode().put("type", "xomni.decoding");
                    stream.put("xomni.decoding", event.put("done", done).put("total", total));
                }
            }

            @Override
            public void preview(Pixels pixels, ImageTokens soFar, int index) {
                ObjectNode event = event("image_generation.partial_image", request);
                byte[] file = request.draw().file(pixels, Map.of());
                event.put("b64_json", Base64.getEncoder().encodeToString(file)).put("partial_image_index", index);
                stream.put("image_generation.partial_image", event);
            }
        };
    }

    private static ObjectNode event(String type, Request request) {
        ObjectNode event = Json.mapper().createObjectNode();
        event.put("type", type).put("created_at", Instant.now().getEpochSecond());
        describe(event, request);
        return event;
    }

    private static void describe(ObjectNode node, Request request) {
        node.put("size", request.draw().sizeText()).put("output_format", request.draw().format().word()).put("background", "opaque").put("quality", "high");
    }

    private static void usage(ObjectNode usage, int read, int drawn) {
        usage.put("input_tokens", read).put("output_tokens", drawn).put("total_tokens", read + drawn);
        usage.putObject("input_tokens_details").put("text_tokens", read).put("image_tokens", 0);
    }
}
