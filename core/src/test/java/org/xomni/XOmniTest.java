package org.xomni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.ImageFiles;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.XOmniException;

/** What the facade does beyond the models: when parts load and are freed, and how far it says it is. */
class XOmniTest {
    private static final DecodeSettings QUICK = new DecodeSettings(2, 1.5, false);
    private static final LoadOptions EXACT = LoadOptions.DEFAULT.dtype(DType.FLOAT32);

    private final Pixels image = ImageFiles.read(Fixtures.golden("tiny-en", "images/0_120x96_RGB.png"));

    /** Weights that load again would be freed by nobody. */
    @Test
    void whatIsClosedDoesNothingMore() {
        XOmni xomni = XOmni.load(Fixtures.model("tiny-en"), EXACT);
        Conversation conversation = xomni.converse();
        conversation.say(question(), piece -> {}, Progress.NONE);
        ImageTokens tokens = xomni.draw(request(1), Progress.NONE).tokens();
        xomni.close();
        xomni.close();
        assertClosed(() -> xomni.draw(request(1), Progress.NONE));
        assertClosed(() -> xomni.chat(question(), piece -> {}, Progress.NONE));
        assertClosed(() -> xomni.tokenize(image));
        assertClosed(() -> xomni.detokenize(tokens, "a", 1, QUICK, Progress.NONE));
        assertClosed(() -> conversation.say(question(), piece -> {}, Progress.NONE));
        assertClosed(() -> ServingEngine.start(xomni, ServingLimits.DEFAULT));
        conversation.close();
        try (XOmni another = XOmni.load(Fixtures.model("tiny-en"), EXACT)) {
            Conversation over = another.converse();
            over.close();
            assertThatThrownBy(() -> over.say(question(), piece -> {}, Progress.NONE)).isExactlyInstanceOf(XOmniException.class).hasMessageContaining("begin another");
        }
    }

    /** Released one before the other loads, whatever is asked for after what. */
    @Test
    void partsTakeTurnsInMemory() {
        try (XOmni xomni = XOmni.load(Fixtures.model("tiny-en"), EXACT.offload(true))) {
            Progress alone = (phase, done, total) -> assertThat(xomni.loaded()).as(phase.name()).isEqualTo(1);
            ChatRequest seeing = new ChatRequest("What is it?", List.of(image), 4, Sampling.text(1), 1);
            xomni.chat(question(), piece -> {}, alone);
            assertThat(xomni.tokenize(image).height()).isPositive();
            assertThat(xomni.loaded()).as("no unified model beside the tokenizer").isEqualTo(1);
            xomni.chat(seeing, piece -> {}, alone);
            xomni.chat(seeing, piece -> {}, alone);
            assertThat(xomni.draw(List.of(request(1), request(2)), alone)).hasSize(2);
            ImageTokens tokens = xomni.drawTokens(List.of(request(3)), alone).getFirst();
            assertThat(xomni.detokenize(tokens, "a", 3, QUICK, alone).height()).isEqualTo(32);
            try (Conversation conversation = xomni.converse()) {
                conversation.say(question(), piece -> {}, alone);
                conversation.say(seeing, piece -> {}, alone);
                assertThat(conversation.draw(request(4), alone).seed()).isEqualTo(4);
            }
        }
    }

    /** More than are drawn side by side. */
    @Test
    void progressCountsAllPicturesOfARequest() {
        List<DrawRequest> many = IntStream.range(0, 34).mapToObj(XOmniTest::request).toList();
        List<String> heard = new ArrayList<>();
        try (XOmni xomni = XOmni.load(Fixtures.model("tiny-en"), EXACT)) {
            assertThat(xomni.drawTokens(many, (phase, done, total) -> heard.add(done + "/" + total))).hasSize(34);
        }
        assertThat(heard).containsExactly("0/8", "1/8", "2/8", "3/8", "4/8", "4/8", "5/8", "6/8", "7/8", "8/8");
    }

    @ParameterizedTest
    @ValueSource(strings = {"tiny-en", "tiny-zh"})
    void whatIsPreloadedIsThere(String fixture) {
        try (XOmni xomni = XOmni.load(Fixtures.model(fixture), EXACT)) {
            assertThat(xomni.loaded()).isZero();
            xomni.preload();
            assertThat(xomni.loaded()).isEqualTo(3);
            assertThat(xomni.draw(request(1), Progress.NONE).pixels().height()).isEqualTo(32);
        }
    }

    @Test
    void whatTheMachineCannotDoIsSaidWhenLoading() {
        Path model = Fixtures.model("tiny-en");
        assertThatThrownBy(() -> XOmni.load(model, LoadOptions.DEFAULT.dtype(DType.FLOAT16))).isInstanceOf(InputException.class).hasMessageContaining("float16 is slow");
        assertThatThrownBy(() -> XOmni.load(model, LoadOptions.DEFAULT.device("tpu"))).isInstanceOf(InputException.class).hasMessageContaining("device 'tpu' is not known");
        assertThatThrownBy(() -> XOmni.load(model, LoadOptions.DEFAULT.device("cuda:99"))).isInstanceOf(InputException.class).hasMessageContaining("is not there");
    }

    @Test
    void optionsAndRequestsChangeInOnePlace() {
        LoadOptions all = new LoadOptions(Path.of("flux"), DType.BFLOAT16, Quantization.INT8, "cuda", 3, true);
        assertThat(LoadOptions.DEFAULT.flux(Path.of("flux")).dtype(DType.BFLOAT16).quantization(Quantization.INT8).device("cuda").threads(3).offload(true)).isEqualTo(all);
        DrawRequest other = new DrawRequest("a", 48, 64, Sampling.GREEDY, 9, QUICK);
        assertThat(DrawRequest.of("a", 32, 32, 1).size(48, 64).sampling(Sampling.GREEDY).seed(9).decode(QUICK)).isEqualTo(other);
    }

    @Test
    void aReplySaysWhetherItIsWhole() {
        try (XOmni xomni = XOmni.load(Fixtures.model("tiny-en"), EXACT)) {
            Reply whole = null;
            for (int seed = 0; whole == null && seed < 40; seed++) {
                Reply reply = xomni.chat(new ChatRequest("Say much", List.of(), 400, Sampling.text(1), seed), piece -> {}, Progress.NONE);
                assertThat(reply.whole()).isEqualTo(reply.tokens().length < 400);
                whole = reply.whole() ? reply : null;
            }
            assertThat(whole).isNotNull();
            assertThat(xomni.chat(question(), piece -> {}, Progress.NONE).whole()).isFalse();
        }
    }

    private static void assertClosed(Runnable use) {
        assertThatThrownBy(use::run).isExactlyInstanceOf(XOmniException.class).hasMessageContaining("is closed; load the checkpoint again");
    }

    private static DrawRequest request(long seed) {
        return new DrawRequest("a red square", 32, 32, Sampling.IMAGE, seed, QUICK);
    }

    private static ChatRequest question() {
        return new ChatRequest("What is it?", List.of(), 4, Sampling.text(1), 1);
    }
}
