package org.xomni;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.xomni.autoregressive.Batch;
import org.xomni.autoregressive.Sequence;
import org.xomni.image.ImageTokens;
import org.xomni.text.Message;
import org.xomni.text.TextStream;

/** The first thread of a {@link ServingEngine}: it alone uses the unified model and the text tokenizer. */
final class ServingBatch implements AutoCloseable {
    private final XOmni xomni;
    private final ServingLimits limits;
    private final ServingCounts counts;
    private final ServingVision vision;
    private final List<Row> rows = new ArrayList<>();
    private Batch batch;

    /** A job in the batch. */
    private sealed interface Row {
        Job<?> job();

        Sequence sequence();
    }

    /** A picture that is being drawn. */
    private record Picture(Job<?> job, Sequence sequence, DrawRequest request, ModelInput.Grid grid, String shown, int promptTokens) implements Row {}

    /** An answer that is being said. */
    private record Speech(Job<?> job, Sequence sequence, Voice voice, int promptTokens) implements Row {}

    ServingBatch(XOmni xomni, ServingLimits limits, ServingCounts counts, ServingVision vision) {
        this.xomni = xomni;
        this.limits = limits;
        this.counts = counts;
        this.vision = vision;
        xomni.input().load();
        this.batch = newBatch();
    }

    private Batch newBatch() {
        return new Batch(xomni.model(), limits.maxBatch(), xomni.checkpoint().unified().maxPositions(), limits.deterministic());
    }

    boolean isEmpty() {
        return rows.isEmpty();
    }

    /** Whether somebody reads along as an answer is said. */
    boolean isSpeaking() {
        return rows.stream().anyMatch(Speech.class::isInstance);
    }

    /** Whether the tokens of a picture will all be drawn within so many steps. */
    boolean endsOneWithin(int steps) {
        return rows.stream().anyMatch(row -> row instanceof Picture && row.sequence().left() <= steps);
    }

    /** Slots that nobody holds. */
    int free() {
        return batch.free();
    }

    /** How many jobs of the same client are in the batch. */
    int rowsOf(Job<?> job) {
        return (int) rows.stream().filter(row -> row.job().client() == job.client()).count();
    }

    /** Reads a job's prompt and adds it to the batch. */
    void begin(Job<?> job) {
        job.begin();
        try {
            rows.add(switch (job.task()) {
                case Task.Draw draw -> picture(job, draw);
                case Task.Answer answer -> speech(job, answer);
            });
            counts.rows = rows.size();
        } catch (RuntimeException | Error e) {
            counts.end(job, e);
        }
    }

    private Picture picture(Job<?> job, Task.Draw draw) {
        DrawRequest request = draw.request();
        ModelInput input = xomni.input();
        ModelInput.Grid grid = input.grid(request);
        List<Message> conversation = job.conversation().stream().map(input::message).toList();
        int[] prompt = conversation.isEmpty() ? input.prompt(request.prompt(), grid) : input.render(conversation, grid);
        String shown = xomni.asRead(request.prompt());
        int first = xomni.checkpoint().unified().vocabSize();
        Drawn drawn = new Drawn(grid.tokens());
        Sequence sequence = batch.join(input.imageRow(prompt, grid, request, id -> {
            counts.imageTokens.increment();
            drawn.add(id - first);
            job.tell(listener -> listener.token(id - first, drawn.count, grid.tokens()));
            int preview = preview(drawn.count, grid.tokens(), draw.previews());
            if (preview >= 0) {
                vision.preview(job, request, grid.height(), grid.width(), drawn.soFar(), shown, preview);
            }
        }));
        return new Picture(job, sequence, request, grid, shown, prompt.length);
    }

    /** Which of {@code previews} evenly spaced previews is due after {@code done} tokens, or -1. */
    static int preview(int done, int total, int previews) {
        for (int i = 0; i < previews; i++) {
            int due = (int) ((i + 1L) * total / (previews + 1));
            if (done == due && done > 0 && done < total) {
                return i;
            }
        }
        return -1;
    }

    private Speech speech(Job<?> job, Task.Answer answer) {
        ModelInput input = xomni.input();
        int[] prompt = input.render(job.conversation().stream().map(input::message).toList());
        int limit = xomni.limit(answer.maxTokens(), prompt.length);
        Voice voice = new Voice(xomni.text().stream(true), new StopTexts(answer.stop()), job);
        Sequence sequence = batch.join(input.textRow(prompt, answer.sampling(), answer.seed(), limit, id -> {
            counts.textTokens.increment();
            voice.hear(id);
        }));
        return new Speech(job, sequence, voice, prompt.length);
    }

    /** One token for every row. Rows that are done or given up leave. */
    void step() {
        for (Row row : List.copyOf(rows)) {
            RuntimeException reason = row.job().reasonToEnd();
            if (reason != null) {
                leave(row);
                counts.end(row.job(), reason);
            }
        }
        if (rows.isEmpty()) {
            return;
        }
        long started = System.nanoTime();
        try {
            boolean unused = vision.isBusy() ? batch.stepBesideOthers() : batch.step();
            counts.steps.increment();
            counts.stepNanos.add(System.nanoTime() - started);
        } catch (RuntimeException | Error e) {
            startAnew(e);
            return;
        }
        for (Row row : List.copyOf(rows)) {
            try {
                finishIfDone(row);
            } catch (RuntimeException | Error e) {
                if (rows.contains(row)) {
                    leave(row);
                }
                counts.end(row.job(), e);
            }
        }
    }

    private void finishIfDone(Row row) {
        switch (row) {
            case Picture picture when picture.sequence().done() -> {
                leave(row);
                ImageTokens tokens = xomni.input().vocabulary().drawn(picture.grid().height(), picture.grid().width(), picture.sequence().drawn());
                vision.decode(row.job(), picture.request(), tokens, picture.shown(), picture.promptTokens());
            }
            case Speech speech when speech.sequence().done() || speech.voice().stopped() -> {
                int limit = speech.sequence().limit();
                int tokens = speech.sequence().drawn().length;
                boolean whole = speech.voice().stopped() || tokens < limit;
                leave(row);
                String text = speech.voice().finish();
                RuntimeException reason = row.job().reasonToEnd();
                if (reason != null) {
                    counts.end(row.job(), reason);
                    return;
                }
                counts.answers.increment();
                boolean unused = row.job().complete(new Task.Said(text, speech.promptTokens(), tokens, whole));
            }
            default -> { }
        }
    }

    private void leave(Row row) {
        rows.remove(row);
        batch.leave(row.sequence());
        counts.rows = rows.size();
    }

    /** A step that failed may have left rows halfway: all are given up, and later ones find an empty cache. */
    private void startAnew(Throwable failure) {
        List<Row> lost = List.copyOf(rows);
        rows.clear();
        counts.rows = 0;
        lost.forEach(row -> counts.end(row.job(), failure));
        batch.close();
        batch = newBatch();
    }

    @Override
    public void close() {
        for (Row row : List.copyOf(rows)) {
            leave(row);
            counts.end(row.job(), ServingEngine.closed());
        }
        batch.close();
    }

    /** The codes of a picture so far. */
    private static final class Drawn {
        private final int[] ids;
        private int count;

        Drawn(int total) {
            this.ids = new int[total];
        }

        void add(int id) {
            ids[count++] = id;
        }

        int[] soFar() {
            return Arrays.copyOf(ids, count);
        }
    }

    /** Tokens of an answer as text, up to a stop text. */
    private static final class Voice {
        private final TextStream stream;
        private final StopTexts stop;
        private final Job<?> job;
        private final StringBuilder said = new StringBuilder();

        Voice(TextStream stream, StopTexts stop, Job<?> job) {
            this.stream = stream;
            this.stop = stop;
            this.job = job;
        }

        void hear(int id) {
            say(stop.push(stream.push(id)));
        }

        boolean stopped() {
            return stop.met();
        }

        String finish() {
            say(stop.push(stream.finish()));
            say(stop.finish());
            return said.toString();
        }

        private void say(String piece) {
            if (!piece.isEmpty()) {
                said.append(piece);
                job.tell(listener -> listener.text(piece));
            }
        }
    }
}
