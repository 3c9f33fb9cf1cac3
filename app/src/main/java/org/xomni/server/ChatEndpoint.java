package org.xomni.server;

import io.javalin.http.Context;
import java.io.IOException;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.xomni.DrawRequest;
import org.xomni.Job;
import org.xomni.Task;
import org.xomni.Turn;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.image.PngWriter;
import org.xomni.tensor.Json;
import tools.jackson.databind.node.ObjectNode;

/**
 * {@code POST /v1/chat/completions}. With {@code "xomni_draw": {"size": ...}} the assistant's turn is a picture: its message has
 * {@code xomni_image}, and its {@code content} is a text that stands for it, so that clients which send back only the content show the same picture
 * again.
 */
final class ChatEndpoint {
    private static final int MOST_TOKENS = 1 << 20;
    private static final int MOST_STOPS = 4;
    private static final int LONGEST_STOP = 200;
    /** The library's default for sampled text, as the reference has it. */
    private static final int TOP_K = 50;

    private final Models models;
    private final ServerOptions options;
    private final Pictures pictures;

    ChatEndpoint(Models models, ServerOptions options, Pictures pictures) {
        this.models = models;
        this.options = options;
        this.pictures = pictures;
    }

    /** What all chunks of a response have in common. */
    private record Completion(String id, long created, ServedModel model) {
        ObjectNode node(String object) {
            return Json.mapper().createObjectNode().put("id", id).put("object", object).put("created", created).put("model", model.id());
        }

        /** A piece of a stream. */
        ObjectNode chunk(ObjectNode delta, @Nullable String finish) {
            ObjectNode chunk = node("chat.completion.chunk");
            chunk.putArray("choices").addObject().put("index", 0).put("finish_reason", finish).putNull("logprobs").set("delta", delta);
            return chunk;
        }
    }

    void handle(Context context, Fields body, MemoryBudget.Share memory) throws IOException, InterruptedException {
        ServedModel model = models.asked(body);
        body.refuse("tools", "this model calls no tools");
        body.refuse("functions", "this model calls no functions");
        body.refuse("audio", "this model makes no sounds");
        body.refuse("logprobs", "leave it out");
        body.refuse("logit_bias", "leave it out");
        for (String penalty : List.of("frequency_penalty", "presence_penalty")) {
            if (body.number(penalty, 0, -2, 2) != 0) {
                throw new ApiException(400, "unsupported_parameter", penalty, "'" + penalty + "' is not supported; leave it out");
            }
        }
        Fields format = body.object("response_format");
        if (format != null && !format.word("type", "text", Set.of("text", "json_object", "json_schema")).equals("text")) {
            throw new ApiException(400, "unsupported_parameter", "response_format", "this model writes plain text only; leave 'response_format' out");
        }
        if (body.integer("n", 1, 1, 1) != 1) {
            throw ApiException.field("n", "one answer a request");
        }
        List<Turn> turns = ChatMessages.read(body, model.id(), options, pictures, memory);
        boolean stream = body.flag("stream", false);
        Fields streamOptions = body.object("stream_options");
        boolean usage = streamOptions != null && streamOptions.flag("include_usage", false);
        Fields draw = body.object("xomni_draw");
        Completion completion = new Completion("chatcmpl-" + UUID.randomUUID(), Instant.now().getEpochSecond(), model);
        if (draw != null) {
            draw(context, new Drawing(completion, picture(model, turns, draw, body), stream, usage, draw.flag("xomni_tokens", false)));
        } else {
            answer(context, completion, question(turns, body), stream, usage);
        }
    }

    private static Task.Answer question(List<Turn> turns, Fields body) {
        long most = body.integer("max_completion_tokens", body.integer("max_tokens", 0, 1, MOST_TOKENS), 1, MOST_TOKENS);
        double temperature = body.number("temperature", 0, 0, 2);
        double topP = Math.max(body.number("top_p", 1, 0, 1), 1e-6);
        Sampling sampling = temperature == 0 ? Sampling.GREEDY : new Sampling(1, temperature, TOP_K, topP, 0);
        return new Task.Answer(turns, (int) most, sampling, DrawFields.seed(body), body.texts("stop", MOST_STOPS, LONGEST_STOP));
    }

    private void answer(Context context, Completion completion, Task.Answer question, boolean streamed, boolean usage)
            throws IOException, InterruptedException {
        if (!streamed) {
            Job<Task.Said> job = completion.model().engine().answer(question, Task.Listener.NONE);
            Task.Said said = await(context, job);
            ObjectNode response = completion.node("chat.completion");
            ObjectNode choice = response.putArray("choices").addObject().put("index", 0).put("finish_reason", finish(said)).putNull("logprobs");
            choice.putObject("message").put("role", "assistant").put("content", said.text()).putNull("refusal");
            usage(response, said.promptTokens(), said.tokens());
            Responses.json(context, response);
            return;
        }
        EventStream stream = new EventStream(context);
        ObjectNode first = Json.mapper().createObjectNode().put("role", "assistant").put("content", "");
        Job<Task.Said> job = completion.model().engine().answer(question, new Task.Listener() {
            @Override
            public void text(String piece) {
                stream.put(null, completion.chunk(Json.mapper().createObjectNode().put("content", piece), null));
            }
        });
        write(context, stream, completion.chunk(first, null), job, () -> {
            Task.Said said = job.await();
            stream.put(null, completion.chunk(Json.mapper().createObjectNode(), finish(said)));
            if (usage) {
                ObjectNode last = completion.node("chat.completion.chunk");
                last.putArray("choices");
                stream.put(null, usage(last, said.promptTokens(), said.tokens()));
            }
        });
    }

    private static String finish(Task.Said said) {
        return said.whole() ? "stop" : "length";
    }

    /** A turn that is a picture. */
    private record Drawing(Completion completion, Picture picture, boolean stream, boolean usage, boolean tokens) {}

    /** What to draw and how to send it. */
    private record Picture(Task.Draw task, DrawFields fields) {}

    private Picture picture(ServedModel model, List<Turn> turns, Fields draw, Fields body) {
        Turn last = turns.getLast();
        if (!last.role().equals("user") || last.text().isBlank()) {
            throw ApiException.field("messages", "the last message must be the user's and say what to draw");
        }
        DrawFields fields = DrawFields.read(draw, draw.has("seed") ? null : DrawFields.seed(body), model.engine().checkpoint(), options.maxPixels());
        int previews = (int) draw.integer("partial_images", 0, 0, 3);
        DrawRequest request = fields.request(last.text(), 0);
        return new Picture(new Task.Draw(request, turns, previews), fields);
    }

    private void draw(Context context, Drawing drawing) throws IOException, InterruptedException {
        Completion completion = drawing.completion();
        if (!drawing.stream()) {
            Task.Drawn drawn = await(context, completion.model().engine().draw(drawing.picture().task(), Task.Listener.NONE));
            ObjectNode response = completion.node("chat.completion");
            ObjectNode choice = response.putArray("choices").addObject().put("index", 0).put("finish_reason", "stop").putNull("logprobs");
            choice.set("message", message(drawn, drawing).put("role", "assistant").putNull("refusal"));
            usage(response, drawn.promptTokens(), drawn.drawing().tokens().ids().length);
            Responses.json(context, response);
            return;
        }
        EventStream stream = new EventStream(context);
        Job<Task.Drawn> job = completion.model().engine().draw(drawing.picture().task(), new Task.Listener() {
            @Override
            public void token(int id, int done, int total) {
                if (drawing.tokens()) {
                    progress(stream, completion, "token", id, done, total);
                }
            }

            @Override
            public void decoding(int done, int total) {
                if (drawing.tokens()) {
                    progress(stream, completion, "decoding", 0, done, total);
                }
            }

            @Override
            public void preview(Pixels pixels, ImageTokens soFar, int index) {
                ObjectNode delta = Json.mapper().createObjectNode();
                byte[] file = PngWriter.encode(pixels, Map.of());
                delta.putObject("xomni_preview").put("b64_json", Base64.getEncoder().encodeToString(file)).put("index", index);
                stream.put(null, completion.chunk(delta, null));
            }
        });
        ObjectNode first = Json.mapper().createObjectNode().put("role", "assistant").put("content", "");
        write(context, stream, completion.chunk(first, null), job, () -> {
            Task.Drawn drawn = job.await();
            stream.put(null, completion.chunk(message(drawn, drawing), null));
            stream.put(null, completion.chunk(Json.mapper().createObjectNode(), "stop"));
            if (drawing.usage()) {
                ObjectNode last = completion.node("chat.completion.chunk");
                last.putArray("choices");
                stream.put(null, usage(last, drawn.promptTokens(), drawn.drawing().tokens().ids().length));
            }
        });
    }

    private static void progress(EventStream stream, Completion completion, String phase, int token, int done, int total) {
        ObjectNode delta = Json.mapper().createObjectNode();
        delta.putObject("xomni_progress").put("phase", phase).put("token", token).put("done", done).put("total", total);
        stream.put(null, completion.chunk(delta, null));
    }

    private ObjectNode message(Task.Drawn drawn, Drawing drawing) {
        Picture picture = drawing.picture();
        String id = pictures.keep(drawn.drawing().tokens(), drawing.completion().model().id());
        byte[] file = picture.fields().file(drawn.drawing().pixels(), Pictures.texts(picture.task().request().prompt(), drawn.drawing()));
        ObjectNode message = Json.mapper().createObjectNode().put("content", Pictures.marker(id));
        message.putObject("xomni_image").put("id", id).put("b64_json", Base64.getEncoder().encodeToString(file))
                .put("output_format", picture.fields().format().word()).put("size", picture.fields().sizeText()).put("seed", drawn.drawing().seed());
        return message;
    }

    private static <R extends Task.Result> R await(Context context, Job<R> job) throws InterruptedException {
        try (ClientWatch watch = ClientWatch.of(context.req(), job::cancel)) {
            R result = job.await();
            if (watch.early()) {
                context.header("Connection", "close");
            }
            return result;
        } finally {
            job.cancel();
        }
    }

    /** Puts the last chunks of a stream in, or fails as the job did. */
    @FunctionalInterface
    private interface Ending {
        void put() throws InterruptedException;
    }

    private static void write(Context context, EventStream stream, ObjectNode first, Job<?> job, Ending ending)
            throws IOException, InterruptedException {
        stream.first(first);
        job.whenDone(stream::end);
        try (ClientWatch watch = ClientWatch.of(context.req(), job::cancel)) {
            boolean begun = stream.write();
            try {
                ending.put();
                stream.put("[DONE]");
            } catch (RuntimeException e) {
                if (!begun) {
                    throw e;
                }
                stream.put("error", Responses.failure(e));
            }
            stream.end();
            boolean unused = stream.write();
        } finally {
            job.cancel();
        }
    }

    private static ObjectNode usage(ObjectNode node, int prompt, int completion) {
        node.putObject("usage").put("prompt_tokens", prompt).put("completion_tokens", completion).put("total_tokens", prompt + completion);
        return node;
    }
}
