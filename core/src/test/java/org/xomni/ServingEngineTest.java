package org.xomni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.ImageFiles;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.DType;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.tensor.XOmniException;

/** Many requests in one batch: what they draw, who comes when, and how they end. */
class ServingEngineTest {
    private static final ServingLimits LIMITS = ServingLimits.DEFAULT.deterministic(true);
    private static final DecodeSettings QUICK = new DecodeSettings(2, 1.5, false);

    private final XOmni xomni = XOmni.load(Fixtures.model("tiny-en"), LoadOptions.DEFAULT.dtype(DType.FLOAT32));
    private final Pixels image = ImageFiles.read(Fixtures.golden("tiny-en", "images/0_120x96_RGB.png"));

    @AfterEach
    void close() {
        xomni.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 12})
    void tasksInCompanyGiveTheBitsTheyGiveAlone(int maxBatch) throws Exception {
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS.sizes(maxBatch, 64))) {
            List<Task.Draw> pictures = new ArrayList<>();
            List<Task.Answer> questions = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                Sampling sampling = new Sampling(i % 3 == 2 ? 2.5 : 1, 1, 50, 1, 0.03);
                pictures.add(Task.Draw.of(new DrawRequest("picture " + i, 32 + 16 * (i % 4), 48, sampling, i, QUICK)));
                questions.add(question("Question " + i, Sampling.text(1), i, i % 2 == 0 ? new Turn.Picture[] {new Turn.Picture(image)} : new Turn.Picture[0]));
            }
            List<Drawing> alone = new ArrayList<>();
            List<String> aloneSaid = new ArrayList<>();
            for (int i = 0; i < pictures.size(); i++) {
                alone.add(engine.draw(pictures.get(i), Task.Listener.NONE).await().drawing());
                aloneSaid.add(engine.answer(questions.get(i), Task.Listener.NONE).await().text());
            }

            List<Job<Task.Drawn>> drawing = new ArrayList<>();
            List<Job<Task.Said>> saying = new ArrayList<>();
            for (int i = 0; i < pictures.size(); i++) {
                saying.add(engine.answer(questions.get(i), Task.Listener.NONE));
                drawing.add(engine.draw(pictures.get(i), Task.Listener.NONE));
            }

            for (int i = 0; i < pictures.size(); i++) {
                assertThat(drawing.get(i).await().drawing()).as("picture " + i).isEqualTo(alone.get(i));
                assertThat(saying.get(i).await().text()).as("answer " + i).isEqualTo(aloneSaid.get(i));
            }
            assertThat(engine.status().images()).isEqualTo(12);
            assertThat(engine.status().answers()).isEqualTo(12);
        }
    }

    @Test
    void theEngineDrawsAndSaysWhatTheFacadeDoes() throws Exception {
        DrawRequest request = new DrawRequest("a red square", 48, 32, Sampling.IMAGE, 5, QUICK);
        Drawing drawn = xomni.draw(request, Progress.NONE);
        Reply reply = xomni.chat(new ChatRequest("What is it?", List.of(image), 8, Sampling.text(1), 3), piece -> {}, Progress.NONE);
        Drawing inConversation;
        String after;
        try (Conversation conversation = xomni.converse()) {
            inConversation = conversation.draw(request, Progress.NONE);
            after = conversation.say(new ChatRequest("And this?", List.of(), 8, Sampling.text(1), 3), piece -> {}, Progress.NONE).text();
        }

        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            Turn asked = Turn.of("user", "a red square");
            assertThat(engine.draw(Task.Draw.of(request), Task.Listener.NONE).await().drawing()).isEqualTo(drawn);
            Task.Said said = engine.answer(question("What is it?", Sampling.text(1), 3, new Turn.Picture(image)), Task.Listener.NONE).await();
            assertThat(said.text()).isEqualTo(reply.text());
            assertThat(said.tokens()).isEqualTo(reply.tokens().length);
            Drawing again = engine.draw(new Task.Draw(request, List.of(asked), 0), Task.Listener.NONE).await().drawing();
            assertThat(again).isEqualTo(inConversation);
            List<Turn> turns = List.of(asked, Turn.of("assistant", new Turn.Tokens(again.tokens())), Turn.of("user", "And this?"));
            assertThat(engine.answer(new Task.Answer(turns, 8, Sampling.text(1), 3, List.of()), Task.Listener.NONE).await().text())
                    .isEqualTo(after);
        }
    }

    @Test
    void aTaskJoinsWhileAnotherIsDrawn() throws Exception {
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            CountDownLatch begun = new CountDownLatch(1);
            AtomicInteger tokensOfTheFirst = new AtomicInteger();
            Job<Task.Drawn> large = engine.draw(picture(320, 1), new Task.Listener() {
                @Override
                public void token(int id, int done, int total) {
                    tokensOfTheFirst.set(done);
                    begun.countDown();
                }
            });
            begun.await();
            AtomicInteger whenTheSecondWasDone = new AtomicInteger();
            engine.draw(picture(32, 2), new Task.Listener() {
                @Override
                public void token(int id, int done, int total) {
                    whenTheSecondWasDone.set(tokensOfTheFirst.get());
                }
            }).await();
            assertThat(whenTheSecondWasDone.get()).isBetween(1, 399);
            assertThat(large.await().drawing().tokens().ids()).hasSize(400);
        }
    }

    /** While one is made, the batch has fewer cores: so the next is waited for if it is soon there. */
    @Test
    @Timeout(60)
    void aPictureIsMadeWithTheNextOneIfThatIsDrawnSoon() throws Exception {
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            // Loads the decoder, which would keep the first one from being made soon.
            Object loaded = engine.draw(picture(32, 9), Task.Listener.NONE).await();
            assertThat(loaded).isNotNull();
            CountDownLatch held = new CountDownLatch(1);
            CountDownLatch go = new CountDownLatch(1);
            CountDownLatch firstIsMade = new CountDownLatch(1);
            AtomicBoolean early = new AtomicBoolean();
            Job<Task.Drawn> blocker = engine.draw(picture(32, 1), holdingUp(held, go));
            held.await();
            // Both join at the same time: 9 tokens and, 7 steps later, 16.
            Job<Task.Drawn> first = engine.draw(picture(48, 2), new Task.Listener() {
                @Override
                public void decoding(int done, int total) {
                    firstIsMade.countDown();
                }
            });
            Job<Task.Drawn> second = engine.draw(picture(64, 3), new Task.Listener() {
                @Override
                public void token(int id, int done, int total) {
                    if (done == total - 1) {
                        early.set(madeWithin(firstIsMade, Duration.ofSeconds(1)));
                    }
                }
            });
            go.countDown();
            Object unused = List.of(blocker.await(), first.await(), second.await());
            assertThat(early).isFalse();
            assertThat(firstIsMade.getCount()).isZero();
        }
    }

    private static boolean madeWithin(CountDownLatch made, Duration time) {
        try {
            return made.await(time.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    @Test
    @Timeout(60)
    void aPictureDoesNotWaitForOneThatTakesLong() throws Exception {
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            CountDownLatch made = new CountDownLatch(1);
            Job<Task.Drawn> large = engine.draw(picture(320, 1), new Task.Listener() {
                @Override
                public void token(int id, int done, int total) {
                    if (done == total - 20) {
                        // Without end if the small one waited.
                        awaitQuietly(made);
                    }
                }
            });
            assertThat(engine.draw(picture(32, 2), Task.Listener.NONE).await().drawing().tokens().ids()).hasSize(4);
            made.countDown();
            assertThat(large.await().drawing().tokens().ids()).hasSize(400);
        }
    }

    /** Gathered, cancelled, refused: whatever becomes of pictures that wait for others, nobody waits for ever. */
    @Test
    @Timeout(60)
    void picturesThatAreGatheredEndWithTheEngine() throws Exception {
        List<Job<Task.Drawn>> jobs = new ArrayList<>();
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS.sizes(8, 64))) {
            for (int i = 0; i < 24; i++) {
                jobs.add(engine.draw(picture(32 + 16 * (i % 3), i), Task.Listener.NONE));
            }
            Object unused = jobs.getFirst().await();
            jobs.get(1).cancel();
            jobs.get(5).cancel();
            engine.close(Duration.ofMillis(1));
        }
        assertThat(jobs).allMatch(Job::done);
    }

    @Test
    @Timeout(60)
    void anEngineWhoseThreadEndsTakesNothingMore() throws Exception {
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            List<Thread> batch = Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().equals("xomni-batch")).toList();
            assertThat(batch).hasSize(1);
            batch.getFirst().interrupt();
            batch.getFirst().join();
            assertThat(engine.accepts()).isFalse();
            assertThatThrownBy(() -> engine.draw(picture(32, 1), Task.Listener.NONE))
                    .isInstanceOfSatisfying(RefusedException.class, e -> assertThat(e.reason()).isEqualTo(RefusedException.Reason.CLOSING));
        }
    }

    @Test
    @Timeout(60)
    void aPreviewThatFailsSparesItsPicture() throws Exception {
        CountDownLatch failed = new CountDownLatch(1);
        Task.Draw shown = new Task.Draw(picture(64, 5).request(), List.of(), 1);
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            Drawing drawing = engine.draw(shown, new Task.Listener() {
                @Override
                public void preview(Pixels pixels, ImageTokens soFar, int index) {
                    failed.countDown();
                    throw new IllegalStateException("nobody looks");
                }
            }).await().drawing();
            assertThat(failed.getCount()).isZero();
            assertThat(drawing).isEqualTo(engine.draw(picture(64, 5), Task.Listener.NONE).await().drawing());
        }
    }

    /** What a listener may hear. */
    enum Event { TOKEN, LAST_TOKEN, TEXT, LAST_TEXT, DECODING }

    @ParameterizedTest
    @EnumSource
    @Timeout(60)
    void aListenerThatThrowsEndsItsOwnTaskAlone(Event event) throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch held = new CountDownLatch(1);
        Error thrown = new AssertionError("nobody listens");
        Task.Listener failing = new Task.Listener() {
            @Override
            public void token(int id, int done, int total) {
                fail(event == Event.TOKEN || event == Event.LAST_TOKEN && done == total);
            }

            @Override
            public void text(String piece) {
                fail(event == Event.TEXT || event == Event.LAST_TEXT);
            }

            @Override
            public void decoding(int done, int total) {
                fail(event == Event.DECODING);
            }

            private void fail(boolean now) {
                if (now) {
                    throw thrown;
                }
            }
        };
        // As many alike that some are decoded side by side.
        int many = 2 * Engine.threads();
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS.deterministic(false).sizes(many + 2, 64))) {
            Job<Task.Drawn> beside = engine.draw(picture(192, 1), holdingUp(held, go));
            held.await();
            Job<?> failed;
            List<Job<Task.Drawn>> alike = List.of();
            if (event == Event.TEXT || event == Event.LAST_TEXT) {
                int tokens = event == Event.TEXT ? 8 : 1;
                failed = engine.answer(new Task.Answer(List.of(Turn.of("user", "Say much")), tokens, Sampling.text(1), 9, List.of()), failing);
            } else {
                alike = engine.draw(Collections.nCopies(many, picture(48, 2)), i -> i == 0 ? failing : Task.Listener.NONE);
                failed = alike.getFirst();
            }
            go.countDown();
            assertThatThrownBy(failed::await).isInstanceOf(XOmniException.class).hasMessageContaining("listener").hasCause(thrown);
            assertThat(beside.await().drawing().tokens().ids()).hasSize(144);
            for (Job<Task.Drawn> other : alike.subList(Math.min(1, alike.size()), alike.size())) {
                assertThat(other.await().drawing().tokens().ids()).hasSize(9);
            }
            assertThat(engine.status().answers()).isZero();
        }
    }

    @Test
    void cancellingEndsOneWithinATokenAndLeavesTheOthers() throws Exception {
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            AtomicInteger tokens = new AtomicInteger();
            List<Job<?>> self = Collections.synchronizedList(new ArrayList<>());
            CountDownLatch known = new CountDownLatch(1);
            Job<Task.Drawn> doomed = engine.draw(picture(320, 1), new Task.Listener() {
                @Override
                public void token(int id, int done, int total) {
                    tokens.set(done);
                    if (done == 5) {
                        awaitQuietly(known);
                        self.getFirst().cancel();
                    }
                }
            });
            self.add(doomed);
            known.countDown();
            Job<Task.Drawn> other = engine.draw(picture(64, 2), Task.Listener.NONE);

            assertThatThrownBy(doomed::await).isInstanceOf(CancellationException.class);
            assertThat(tokens.get()).isLessThanOrEqualTo(6);
            assertThat(other.await().drawing().tokens().ids()).hasSize(16);
            assertThat(engine.status().cancelled()).isEqualTo(1);
            assertThat(engine.status().rows()).isZero();
        }
    }

    @Test
    void whatIsTooMuchIsRefusedAndAPictureOfManyIsTakenWholeOrNotAtAll() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch held = new CountDownLatch(1);
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS.sizes(2, 2))) {
            Job<Task.Drawn> holding = engine.draw(picture(32, 1), holdingUp(held, go));
            held.await();
            List<Job<Task.Drawn>> two = engine.draw(List.of(picture(32, 2), picture(32, 3)), i -> Task.Listener.NONE);
            assertThatThrownBy(() -> engine.draw(List.of(picture(32, 4), picture(32, 5)), i -> Task.Listener.NONE))
                    .isInstanceOfSatisfying(RefusedException.class, e -> {
                        assertThat(e.reason()).isEqualTo(RefusedException.Reason.QUEUE_FULL);
                        assertThat(e.retryAfter()).isPositive();
                    });
            Job<Task.Drawn> last = engine.draw(picture(32, 6), Task.Listener.NONE);
            assertThatThrownBy(() -> engine.draw(picture(32, 7), Task.Listener.NONE)).hasMessageContaining("queue is full");
            go.countDown();
            assertThat(holding.await().drawing().seed()).isEqualTo(1);
            assertThat(two.get(1).await().drawing().seed()).isEqualTo(3);
            assertThat(last.await().drawing().seed()).isEqualTo(6);
            assertThat(engine.status().refused()).isEqualTo(3);
            assertThatThrownBy(() -> engine.draw(Collections.nCopies(5, picture(32, 8)), i -> Task.Listener.NONE)).as("trying again would not help")
                    .isInstanceOf(InputException.class).hasMessageContaining("5 images are more than the 4 that");
            assertThat(engine.draw(Collections.nCopies(4, picture(32, 8)), i -> Task.Listener.NONE)).hasSize(4);
        }
    }

    @Test
    void whoAsksForManyDoesNotKeepOthersWaitingForAll() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch held = new CountDownLatch(1);
        List<Long> order = Collections.synchronizedList(new ArrayList<>());
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS.sizes(2, 64))) {
            Job<Task.Drawn> holding = engine.draw(picture(32, 0), holdingUp(held, go));
            held.await();
            List<Task.Draw> many = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                many.add(picture(48, 100 + i));
            }
            List<Job<Task.Drawn>> greedy = engine.draw(many, i -> noting(order, 100 + i));
            Job<Task.Drawn> modest = engine.draw(picture(48, 1), noting(order, 1));
            go.countDown();
            modest.await();
            for (Job<Task.Drawn> job : greedy) {
                job.await();
            }
            holding.await();
        }
        assertThat(order).hasSize(9);
        assertThat(order.indexOf(1L)).as("turn of the one who asked last, in " + order).isLessThanOrEqualTo(1);
        assertThat(order.stream().filter(seed -> seed >= 100)).isSorted();
    }

    @Test
    void whatTakesTooLongIsGivenUp() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch held = new CountDownLatch(1);
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS.sizes(2, 8).timeout(Duration.ofMillis(400)))) {
            Job<Task.Drawn> running = engine.draw(guided(64, 1), holdingUp(held, go));
            held.await();
            Job<Task.Drawn> waiting = engine.draw(guided(64, 2), Task.Listener.NONE);
            Thread.sleep(450);
            go.countDown();
            assertThatThrownBy(running::await).isInstanceOfSatisfying(
                    RefusedException.class, e -> assertThat(e.reason()).isEqualTo(RefusedException.Reason.TOOK_TOO_LONG));
            assertThatThrownBy(waiting::await).isInstanceOfSatisfying(
                    RefusedException.class, e -> assertThat(e.reason()).isEqualTo(RefusedException.Reason.WAITED_TOO_LONG));
        }
    }

    @Test
    void closingFinishesWhatIsBegunAndRefusesTheRest() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch held = new CountDownLatch(1);
        ServingEngine engine = ServingEngine.start(xomni, LIMITS.sizes(2, 8));
        Job<Task.Drawn> begun = engine.draw(guided(64, 1), holdingUp(held, go));
        held.await();
        Job<Task.Drawn> waiting = engine.draw(guided(64, 2), Task.Listener.NONE);
        Thread closing = Thread.ofPlatform().start(() -> engine.close(Duration.ofSeconds(20)));
        while (engine.accepts()) {
            Thread.onSpinWait();
        }
        go.countDown();
        closing.join();

        assertThat(begun.await().drawing().seed()).isEqualTo(1);
        for (Job<?> refused : List.of(waiting)) {
            assertThatThrownBy(refused::await).isInstanceOfSatisfying(
                    RefusedException.class, e -> assertThat(e.reason()).isEqualTo(RefusedException.Reason.CLOSING));
        }
        assertThatThrownBy(() -> engine.draw(picture(32, 3), Task.Listener.NONE)).hasMessageContaining("shutting down");
    }

    @Test
    void closingWithoutPatienceEndsEverything() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        ServingEngine engine = ServingEngine.start(xomni, LIMITS);
        Job<Task.Drawn> begun = engine.draw(picture(320, 1), holdingUp(held, new CountDownLatch(0)));
        held.await();
        engine.close(Duration.ofMillis(1));
        assertThat(begun.done()).isTrue();
        assertThatThrownBy(begun::await).isInstanceOf(RefusedException.class).hasMessageContaining("shutting down");
    }

    /** Else the model would be freed under threads that use it. */
    @Test
    @Timeout(60)
    void closingOnAnInterruptedThreadEndsEveryJobAndThread() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        ServingEngine engine = ServingEngine.start(xomni, LIMITS);
        List<Job<?>> jobs = new ArrayList<>();
        // The first one is drawn and waits to be made into pixels with others, as the second holds up the next step.
        jobs.add(engine.draw(picture(32, 1), Task.Listener.NONE));
        jobs.add(engine.draw(picture(48, 2), new Task.Listener() {
            @Override
            public void token(int id, int done, int total) {
                if (done == 6) {
                    held.countDown();
                    awaitQuietly(go);
                }
            }
        }));
        held.await();
        jobs.add(engine.answer(question("?", Sampling.text(1), 3, new Turn.Picture(image)), Task.Listener.NONE));
        AtomicBoolean interrupted = new AtomicBoolean();
        Thread closing = Thread.ofPlatform().start(() -> {
            Thread.currentThread().interrupt();
            engine.close(Duration.ofMinutes(1));
            interrupted.set(Thread.currentThread().isInterrupted());
        });
        closing.join(500);
        assertThat(closing.isAlive()).as("waits for the batch's thread").isTrue();
        go.countDown();
        closing.join();
        assertThat(interrupted).isTrue();
        assertThat(jobs).allMatch(Job::done);
        assertThat(Thread.getAllStackTraces().keySet()).noneMatch(thread -> thread.getName().equals("xomni-batch") || thread.getName().equals("xomni-vision"));
    }

    @Test
    void progressAndPreviewsAreHeard() throws Exception {
        List<String> heard = Collections.synchronizedList(new ArrayList<>());
        List<Pixels> previews = Collections.synchronizedList(new ArrayList<>());
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            DrawRequest request = new DrawRequest("a", 64, 48, Sampling.IMAGE, 1, QUICK);
            Drawing drawing = engine.draw(new Task.Draw(request, List.of(), 1), new Task.Listener() {
                @Override
                public void token(int id, int done, int total) {
                    heard.add(done + "/" + total + "=" + id);
                }

                @Override
                public void decoding(int done, int total) {
                    heard.add("step " + done + "/" + total);
                }

                @Override
                public void preview(Pixels pixels, ImageTokens soFar, int index) {
                    previews.add(pixels);
                    heard.add("preview " + index);
                }
            }).await().drawing();
            int[] ids = drawing.tokens().ids();
            for (int i = 0; i < 12; i++) {
                assertThat(heard).contains(i + 1 + "/12=" + ids[i]);
            }
            assertThat(heard).contains("preview 0", "step 1/2", "step 2/2");
            assertThat(previews.getFirst().height()).isEqualTo(64);
            assertThat(previews.getFirst()).isNotEqualTo(drawing.pixels());
        }
    }

    @Test
    void stopTextsEndAnAnswer() throws Exception {
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            String whole = engine.answer(question("Say much", Sampling.text(1), 9), Task.Listener.NONE).await().text();
            String stop = whole.substring(5, 8);
            StringBuilder heard = new StringBuilder();
            Task.Answer stopped = new Task.Answer(List.of(Turn.of("user", "Say much")), 12, Sampling.text(1), 9, List.of(stop));
            Task.Said said = engine.answer(stopped, new Task.Listener() {
                @Override
                public void text(String piece) {
                    heard.append(piece);
                }
            }).await();
            assertThat(said.text()).isEqualTo(whole.substring(0, whole.indexOf(stop))).isEqualTo(heard.toString());
            assertThat(said.whole()).isTrue();
        }
    }

    @Test
    void badInputIsTheCallersAndTheNextIsServed() throws Exception {
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            assertThatThrownBy(() -> engine.draw(picture(33, 1), Task.Listener.NONE)).isInstanceOf(InputException.class);
            Job<Task.Drawn> tooLong = engine.draw(
                    Task.Draw.of(DrawRequest.of("long ".repeat(9000), 32, 32, 1)), Task.Listener.NONE);
            assertThatThrownBy(tooLong::await).isInstanceOf(InputException.class).hasMessageContaining("shorten the prompt");
            Job<Task.Said> narrow = engine.answer(question("?", Sampling.GREEDY, 1, new Turn.Picture(new Pixels(8, 8))), Task.Listener.NONE);
            assertThatThrownBy(narrow::await).isInstanceOf(InputException.class);
            assertThat(engine.draw(picture(32, 1), Task.Listener.NONE).await().drawing().seed()).isEqualTo(1);
        }
    }

    @Test
    @Timeout(60)
    void aJobIsAwaitedForAWhileOrFollowed() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch held = new CountDownLatch(1);
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            Job<Task.Drawn> job = engine.draw(picture(32, 1), holdingUp(held, go));
            held.await();
            CompletableFuture<Long> seed = job.stage().thenApply(drawn -> drawn.drawing().seed()).toCompletableFuture();
            assertThatThrownBy(() -> job.await(Duration.ofMillis(10))).isInstanceOf(TimeoutException.class);
            assertThat(job.done()).isFalse();
            go.countDown();
            assertThat(job.await(ChronoUnit.FOREVER.getDuration()).drawing().seed()).isEqualTo(1);
            assertThat(seed.join()).isEqualTo(1);

            Job<Task.Drawn> cancelled = engine.draw(picture(320, 1), Task.Listener.NONE);
            cancelled.cancel();
            assertThatThrownBy(() -> cancelled.await(Duration.ofMinutes(1))).isInstanceOf(CancellationException.class);
            assertThatThrownBy(() -> cancelled.stage().toCompletableFuture().join()).hasCauseInstanceOf(CancellationException.class);
        }
    }

    /** Such as libtorch's failures, or faults of our own. */
    @Test
    void whatFailsFailsAsOneOfOurs() throws Exception {
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            Job<?> job = engine.answer(new Task.Answer(List.of(faulty()), 8, Sampling.text(1), 1, List.of()), Task.Listener.NONE);
            assertThatThrownBy(job::await).isExactlyInstanceOf(XOmniException.class).hasMessageContaining("see the cause")
                    .hasCauseInstanceOf(NullPointerException.class);
        }
    }

    @SuppressWarnings("NullAway")
    private static Turn faulty() {
        return Turn.of("user", new Turn.Tokens(null), new Turn.Text("?"));
    }

    @Test
    @Timeout(60)
    void anEngineIsNotClosedByItsOwnThreads() throws Exception {
        List<Throwable> refused = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch go = new CountDownLatch(1);
        try (ServingEngine engine = ServingEngine.start(xomni, LIMITS)) {
            Runnable closing = () -> {
                try {
                    engine.close();
                } catch (XOmniException e) {
                    refused.add(e);
                }
            };
            Job<Task.Drawn> job = engine.draw(picture(32, 1), new Task.Listener() {
                @Override
                public void token(int id, int done, int total) {
                    awaitQuietly(go);
                    closing.run();
                }

                @Override
                public void decoding(int done, int total) {
                    closing.run();
                }
            });
            CountDownLatch ended = new CountDownLatch(1);
            job.whenDone(() -> {
                closing.run();
                ended.countDown();
            });
            go.countDown();
            // A thread that waited for the job might run the action itself.
            ended.await();
            assertThat(job.await().drawing().seed()).isEqualTo(1);
            assertThat(engine.accepts()).isTrue();
        }
        assertThat(refused).as("4 tokens, 2 steps and the end").hasSize(7).allSatisfy(e -> assertThat(e).hasMessageContaining("close it on another"));
    }

    @Test
    void aModelHasOneEngineAndOutlivesIt() throws Exception {
        ServingEngine first = ServingEngine.start(xomni, LIMITS);
        assertThatThrownBy(() -> ServingEngine.start(xomni, LIMITS)).isInstanceOf(XOmniException.class).hasMessageContaining("already");
        assertThatThrownBy(xomni::close).isInstanceOf(XOmniException.class).hasMessageContaining("close that first");
        first.close();
        try (ServingEngine second = ServingEngine.start(xomni, LIMITS)) {
            first.close();
            assertThatThrownBy(xomni::close).as("it has another one").isInstanceOf(XOmniException.class);
            assertThat(second.draw(picture(32, 1), Task.Listener.NONE).await().drawing().seed()).isEqualTo(1);
        }
    }

    /** A model may be without decoder and draw nothing, or without image tokenizer; without a chat template it is not served. */
    @Test
    void whatAModelLacksIsKnownAtTheStart(@TempDir Path folder) throws Exception {
        Path mute = Copies.withFlux("tiny-en", folder.resolve("mute"));
        Files.writeString(mute.resolve("tokenizer_config.json"), "{}");
        try (XOmni broken = XOmni.load(mute, LoadOptions.DEFAULT)) {
            assertThatThrownBy(() -> ServingEngine.start(broken, LIMITS)).isInstanceOf(CheckpointException.class).hasMessageContaining("chat_template");
        }
        Task.Answer seeing = question("?", Sampling.text(1), 1, new Turn.Picture(image));
        Path blind = Copies.withFlux("tiny-en", folder.resolve("blind"));
        Files.delete(blind.resolve("siglip.pt"));
        try (XOmni broken = XOmni.load(blind, LoadOptions.DEFAULT); ServingEngine engine = ServingEngine.start(broken, LIMITS)) {
            assertThatThrownBy(() -> engine.answer(seeing, Task.Listener.NONE)).isExactlyInstanceOf(InputException.class)
                    .hasMessageContaining("image tokenizer").hasMessageNotContaining(folder.toString()).hasCauseInstanceOf(CheckpointException.class);
            assertThat(engine.draw(picture(32, 1), Task.Listener.NONE).await().drawing().seed()).isEqualTo(1);
            assertThat(engine.answer(question("?", Sampling.text(1), 1), Task.Listener.NONE).await().promptTokens()).isPositive();
        }
        Path idle = Copies.of(Fixtures.model("tiny-en"), folder.resolve("idle"));
        try (XOmni broken = XOmni.load(idle, LoadOptions.DEFAULT); ServingEngine engine = ServingEngine.start(broken, LIMITS)) {
            assertThatThrownBy(() -> engine.draw(picture(32, 1), Task.Listener.NONE)).isExactlyInstanceOf(InputException.class)
                    .hasMessageContaining("decoder").hasMessageNotContaining(folder.toString()).hasCauseInstanceOf(CheckpointException.class);
            assertThat(engine.answer(seeing, Task.Listener.NONE).await().promptTokens()).isPositive();
        }
    }

    private static Task.Answer question(String text, Sampling sampling, long seed, Turn.Picture... pictures) {
        List<Turn.Part> parts = new ArrayList<>(List.of(pictures));
        parts.add(new Turn.Text(text));
        return new Task.Answer(List.of(new Turn("user", parts)), 8, sampling, seed, List.of());
    }

    private static Task.Draw picture(int side, long seed) {
        return Task.Draw.of(new DrawRequest("a picture", side, side, Sampling.IMAGE, seed, QUICK));
    }

    private static Task.Draw guided(int side, long seed) {
        return Task.Draw.of(new DrawRequest("a picture", side, side, new Sampling(2, 1, 50, 1, 0.03), seed, QUICK));
    }

    private static Task.Listener holdingUp(CountDownLatch held, CountDownLatch go) {
        return new Task.Listener() {
            @Override
            public void token(int id, int done, int total) {
                held.countDown();
                awaitQuietly(go);
            }
        };
    }

    private static Task.Listener noting(List<Long> order, long seed) {
        return new Task.Listener() {
            @Override
            public void token(int id, int done, int total) {
                if (done == 1) {
                    order.add(seed);
                }
            }
        };
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
