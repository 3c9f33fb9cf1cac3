package org.xomni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.autoregressive.Batch;
import org.xomni.autoregressive.Head;
import org.xomni.autoregressive.Sampling;
import org.xomni.autoregressive.Sequence;
import org.xomni.image.ImageFiles;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.text.Message;

/** Text and images in one sequence, in both directions. */
class ConversationTest {
    private static final String FIXTURE = "tiny-en";
    private static final int HEIGHT = 64;
    private static final int WIDTH = 96;

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void laterTurnsAttendToTheVeryTokensThatWereDrawn(boolean offload) throws IOException {
        Path blind = Copies.of(Fixtures.model(FIXTURE), folder.resolve("model"));
        Files.delete(blind.resolve("siglip.pt"));
        try (XOmni xomni = XOmni.load(blind, options(offload));
                Conversation conversation = xomni.converse()) {
            say(conversation, "Hello!");
            Drawing drawing = conversation.draw(request("a red square", 1), Progress.NONE);
            Reply reply = say(conversation, "What did you draw?");

            assertThat(drawing.pixels().height()).isEqualTo(HEIGHT);
            assertThat(drawing.pixels().width()).isEqualTo(WIDTH);
            assertThat(positions(conversation.read(), image(xomni, drawing.tokens()))).hasSize(1);
            assertThat(count(conversation.read(), xomni.text().idOf("<SOM>"))).isEqualTo(1);
            assertThat(count(conversation.read(), xomni.text().idOf("<EOM>"))).isEqualTo(1);
            assertThat(reply.tokens()).isEqualTo(freshAnswer(blind, conversation.messages()));
        }
    }

    @Test
    void aDrawnTokenChangedChangesWhatTheModelThinks() {
        try (XOmni xomni = load();
                Conversation conversation = xomni.converse()) {
            conversation.draw(request("a red square", 1), Progress.NONE);
            say(conversation, "What did you draw?");
            int[] read = conversation.read();
            int firstImageToken = xomni.text().idOf("<MM-Token-0>");
            int drawn = IntStream.range(0, read.length).filter(i -> read[i] >= firstImageToken).skip(3).findFirst().orElseThrow();
            int[] changed = read.clone();
            changed[drawn] = changed[drawn] == firstImageToken ? firstImageToken + 1 : firstImageToken;

            float[] scores = lastScores(xomni, read);

            assertThat(lastScores(xomni, read)).isEqualTo(scores);
            assertThat(lastScores(xomni, changed)).isNotEqualTo(scores);
        }
    }

    @Test
    void imagesAndTextAlternate() {
        try (XOmni xomni = load();
                Conversation conversation = xomni.converse()) {
            List<int[]> images = new ArrayList<>();
            images.add(image(xomni, conversation.show(pixels("0_120x96_RGB.png"))));
            say(conversation, "One?");
            images.add(image(xomni, conversation.show(pixels("1_200x150_RGB.png"))));
            images.add(image(xomni, conversation.show(pixels("4_64x50_P.png"))));
            Pixels third = pixels("2_97x60_L.png");
            images.add(image(xomni, xomni.tokenize(third)));
            conversation.say(new ChatRequest("Three?", List.of(third), 6, Sampling.GREEDY, 0), piece -> {}, Progress.NONE);
            images.add(image(xomni, conversation.draw(request("another", 2), Progress.NONE).tokens()));
            images.add(image(xomni, conversation.show(pixels("0_120x96_RGB.png"))));
            images.add(image(xomni, conversation.draw(request("like this one", 3), Progress.NONE).tokens()));
            Reply reply = say(conversation, "And now?");

            int[] read = conversation.read();
            int from = 0;
            for (int[] image : images) {
                int[] rest = Arrays.copyOfRange(read, from, read.length);
                assertThat(positions(rest, image)).isNotEmpty();
                from += positions(rest, image).getFirst() + image.length;
            }
            assertThat(count(read, xomni.text().idOf("<SOM>"))).isEqualTo(images.size());
            assertThat(reply.tokens()).isEqualTo(freshAnswer(Fixtures.model(FIXTURE), conversation.messages()));
        }
    }

    @Test
    void guidanceWorksInAConversation() {
        Sampling guided = new Sampling(3, 1, 50, 1, 0.03);
        try (XOmni xomni = load();
                Conversation conversation = xomni.converse()) {
            say(conversation, "Hello!");
            Drawing drawing = conversation.draw(new DrawRequest("a dog", HEIGHT, WIDTH, guided, 5, DecodeSettings.DEFAULT), Progress.NONE);
            List<Message> before = conversation.messages().subList(0, 3);

            ModelInput.Grid grid = new ModelInput.Grid(HEIGHT / 16, WIDTH / 16);
            for (Sampling sampling : List.of(guided, Sampling.IMAGE)) {
                DrawRequest request = new DrawRequest("a dog", HEIGHT, WIDTH, sampling, 5, DecodeSettings.DEFAULT);
                try (Batch batch = new Batch(xomni.model(), 2, 512)) {
                    Sequence row = batch.join(xomni.input().imageRow(xomni.input().render(before, grid), grid, request, id -> {}));
                    while (batch.step()) {}
                    ImageTokens tokens = xomni.input().vocabulary().drawn(grid.height(), grid.width(), row.drawn());
                    assertThat(tokens.equals(drawing.tokens())).isEqualTo(sampling.guided());
                }
            }
        }
    }

    /** With parts taking turns the others release the model that it has read with. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aConversationGoesOnWhenOthersHaveDrawn(boolean offload) {
        try (XOmni xomni = XOmni.load(Fixtures.model(FIXTURE), options(offload));
                Conversation conversation = xomni.converse();
                Conversation other = xomni.converse()) {
            conversation.show(pixels("0_120x96_RGB.png"));
            say(conversation, "Hello!");
            xomni.draw(request("a cat", 2), Progress.NONE);
            assertThat(say(conversation, "And now?").tokens()).isEqualTo(freshAnswer(Fixtures.model(FIXTURE), conversation.messages()));
            other.draw(request("a dog", 3), Progress.NONE);
            Drawing drawing = conversation.draw(request("the same again", 4), Progress.NONE);
            assertThat(say(other, "What is it?").tokens()).isEqualTo(freshAnswer(Fixtures.model(FIXTURE), other.messages()));
            assertThat(say(conversation, "What did I see?").tokens()).isEqualTo(freshAnswer(Fixtures.model(FIXTURE), conversation.messages()));
            assertThat(positions(conversation.read(), image(xomni, drawing.tokens()))).hasSize(1);
        }
    }

    /** What may go wrong in a turn. */
    enum Trouble {
        PROMPT_TOO_LONG, IMAGE_TOO_NARROW, SIZE_NO_MULTIPLE, CANCELLED_ANSWERING, CANCELLED_DRAWING, CANCELLED_DECODING, LISTENER_FAILS;

        void happenIn(Conversation conversation) {
            switch (this) {
                case PROMPT_TOO_LONG -> assertThatThrownBy(() -> conversation.say(
                                new ChatRequest("long ".repeat(9000), List.of(pixels("0_120x96_RGB.png")), 8, Sampling.GREEDY, 0),
                                piece -> {}, Progress.NONE))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("the context holds 8192");
                case IMAGE_TOO_NARROW -> assertThatThrownBy(() -> conversation.say(
                                new ChatRequest(
                                        "See?", List.of(pixels("0_120x96_RGB.png"), pixels("5_300x80_RGB.png")), 8, Sampling.GREEDY, 0),
                                piece -> {}, Progress.NONE))
                        .isInstanceOf(InputException.class);
                case SIZE_NO_MULTIPLE -> assertThatThrownBy(() -> conversation.draw(DrawRequest.of("a cat", 65, 96, 1), Progress.NONE))
                        .isInstanceOf(InputException.class);
                case CANCELLED_ANSWERING -> assertThatThrownBy(() -> conversation.say(
                                ChatRequest.of("Hm?"), piece -> {}, cancelAt(Progress.Phase.ANSWERING, 3)))
                        .isInstanceOf(CancellationException.class);
                case CANCELLED_DRAWING -> assertThatThrownBy(() ->
                                conversation.draw(request("a cat", 9), cancelAt(Progress.Phase.DRAWING, 5)))
                        .isInstanceOf(CancellationException.class);
                case CANCELLED_DECODING -> assertThatThrownBy(() ->
                                conversation.draw(request("a cat", 9), cancelAt(Progress.Phase.DECODING, 2)))
                        .isInstanceOf(CancellationException.class);
                case LISTENER_FAILS -> assertThatThrownBy(() -> conversation.say(
                                ChatRequest.of("Hm?"), piece -> { throw new IllegalStateException("gone"); }, Progress.NONE))
                        .hasMessage("gone");
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aTurnThatFailsLeavesNoTrace(Trouble trouble) {
        try (XOmni xomni = load();
                Conversation calm = xomni.converse();
                Conversation troubled = xomni.converse()) {
            for (Conversation conversation : List.of(calm, troubled)) {
                say(conversation, "Hello!");
                conversation.draw(request("a red square", 1), Progress.NONE);
                conversation.show(pixels("4_64x50_P.png"));
            }
            List<Message> before = troubled.messages();

            trouble.happenIn(troubled);

            assertThat(troubled.messages()).isEqualTo(before);
            Reply expected = say(calm, "Compare them.");
            assertThat(say(troubled, "Compare them.").tokens()).isEqualTo(expected.tokens());
            assertThat(troubled.read()).isEqualTo(calm.read());
            Drawing drawing = calm.draw(request("one more", 4), Progress.NONE);
            assertThat(troubled.draw(request("one more", 4), Progress.NONE).tokens()).isEqualTo(drawing.tokens());
            assertThat(troubled.read()).isEqualTo(calm.read());
        }
    }

    private static Progress cancelAt(Progress.Phase phase, int step) {
        return new Progress() {
            private boolean reached;

            @Override
            public void report(Phase now, int done, int total) {
                reached |= now == phase && done >= step;
            }

            @Override
            public boolean cancelled() {
                return reached;
            }
        };
    }

    private static XOmni load() {
        return XOmni.load(Fixtures.model(FIXTURE), options(false));
    }

    private static LoadOptions options(boolean offload) {
        return new LoadOptions(Fixtures.flux(FIXTURE), DType.FLOAT32, Quantization.NONE, "cpu", 0, offload);
    }

    private static Reply say(Conversation conversation, String text) {
        return conversation.say(new ChatRequest(text, List.of(), 8, Sampling.GREEDY, 0), piece -> {}, Progress.NONE);
    }

    private static DrawRequest request(String prompt, long seed) {
        return new DrawRequest(prompt, HEIGHT, WIDTH, Sampling.IMAGE, seed, new DecodeSettings(3, null, false));
    }

    private static Pixels pixels(String name) {
        return ImageFiles.read(Fixtures.golden(FIXTURE, "images/" + name));
    }

    /** {@code <SOM>h w<IMAGE>...<EOM>} put together by hand. */
    private static int[] image(XOmni xomni, ImageTokens tokens) {
        int[] header = xomni.text().encodeTrusted("<SOM>" + tokens.height() + " " + tokens.width() + "<IMAGE>");
        int[] codes = Arrays.stream(tokens.ids()).map(k -> xomni.text().idOf("<MM-Token-" + k + ">")).toArray();
        return ModelInput.concat(ModelInput.concat(header, codes), new int[] {xomni.text().idOf("<EOM>")});
    }

    private static List<Integer> positions(int[] whole, int[] part) {
        List<Integer> list = Arrays.stream(whole).boxed().toList();
        List<Integer> sought = Arrays.stream(part).boxed().toList();
        int first = Collections.indexOfSubList(list, sought);
        int last = Collections.lastIndexOfSubList(list, sought);
        return first < 0 ? List.of() : first == last ? List.of(first) : List.of(first, last);
    }

    private static long count(int[] ids, int id) {
        return Arrays.stream(ids).filter(i -> i == id).count();
    }

    /** The last answer again, by a model that reads the whole conversation before it at once. */
    private static int[] freshAnswer(Path model, List<Message> messages) {
        try (XOmni fresh = XOmni.load(model, options(false));
                Batch batch = new Batch(fresh.model(), 1, 8192)) {
            int[] prompt = fresh.input().render(messages.subList(0, messages.size() - 1));
            ChatRequest request = new ChatRequest("", List.of(), 8, Sampling.GREEDY, 0);
            return fresh.answer(batch, heard -> batch.join(fresh.textRow(prompt, request, request.maxTokens(), heard)), 8, piece -> {}, Progress.NONE).tokens();
        }
    }

    private static float[] lastScores(XOmni xomni, int[] ids) {
        try (Scope scope = Scope.inference()) {
            Tensor hidden = xomni.model().forward(Tensors.ids(ids).unsqueeze(0));
            return Tensors.floats(xomni.model().logits(hidden.select(1, ids.length - 1), Head.TEXT));
        }
    }
}
