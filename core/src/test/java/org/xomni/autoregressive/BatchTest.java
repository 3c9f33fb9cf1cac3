package org.xomni.autoregressive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.AbstractSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.Fixtures;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Team;
import org.xomni.tensor.Tensors;

/** Rows of a batch: the cache changes nothing, company changes nothing, and slots come back. */
class BatchTest {
    /** {@code <SOM>4 4<IMAGE>} of the fixture. */
    private static final int[] HEADER = {768, 19, 220, 19, 770};

    private static final int CAPACITY = 128;
    private static final int GUIDED_SLOTS = 2;

    private static final UnifiedModel model = UnifiedModelGoldenTest.load("tiny-en", DType.FLOAT32);

    @AfterAll
    static void close() {
        model.close();
    }

    /** Ways to take a step. */
    private enum Way {
        OWN_KERNELS,
        ROW_BY_ROW,
        SIDE_BY_SIDE;

        DecodeStep step(UnifiedModel model, KvCache cache, Team team) {
            return this == OWN_KERNELS ? Objects.requireNonNull(HostDecodeStep.of(model, cache, team)) : new TorchDecodeStep(model, this == SIDE_BY_SIDE);
        }
    }

    static Stream<Arguments> fixturesAndWays() {
        return Fixtures.ALL.stream().flatMap(fixture -> Arrays.stream(Way.values()).map(way -> Arguments.of(fixture, way)));
    }

    @ParameterizedTest
    @MethodSource("fixturesAndWays")
    void stepsWithTheCacheEqualOneForward(String fixture, Way way) {
        int prefilled = 7;
        try (UnifiedModel model = UnifiedModelGoldenTest.load(fixture, DType.FLOAT32);
                SafetensorsFile golden = SafetensorsFile.open(Fixtures.golden(fixture, "autoregressive.safetensors"));
                Scope scope = Scope.inference()) {
            Tensor ids_BL = Fixtures.tensor(golden, "mixed.ids").to(ScalarType.Long).unsqueeze(0);
            int[] ids = Tensors.ints(ids_BL);
            Tensor hidden_LD = model.forward(ids_BL).squeeze(0);
            try (KvCache cache = new KvCache(model, 1, ids.length);
                    KvCache.Slot slot = cache.acquire();
                    Team team = new Team(2);
                    DecodeStep step = way.step(model, cache, team)) {
                model.prefill(slot, Arrays.copyOf(ids, prefilled));
                for (int i = prefilled; i < ids.length; i++) {
                    Head head = i % 2 == 0 ? Head.TEXT : Head.IMAGE;
                    float[] scores = step.run(List.of(new DecodeStep.Row(slot, ids[i], head))).getFirst();
                    Fixtures.assertClose(Tensors.of(scores, scores.length), model.logits(hidden_LD.select(0, i), head));
                }
                assertThat(slot.length()).isEqualTo(ids.length);
            }
        }
    }

    /** More ids than are read together, text and image, in two parts; more threads than groups. */
    @ParameterizedTest
    @CsvSource({"1, NONE", "2, NONE", "3, NONE", "2, INT8"})
    void aPromptReadByOwnKernelsIsRememberedAsOneForwardSeesIt(int threads, Quantization quantization) {
        try (UnifiedModel model = UnifiedModelGoldenTest.load("tiny-en", new Numerics(DType.FLOAT32, DType.FLOAT32, quantization, "cpu"));
                SafetensorsFile golden = SafetensorsFile.open(Fixtures.golden("tiny-en", "autoregressive.safetensors"));
                Scope scope = Scope.inference()) {
            int[] mixed = Tensors.ints(Fixtures.tensor(golden, "mixed.ids").to(ScalarType.Long));
            int[] ids = IntStream.range(0, 150).map(i -> mixed[i % mixed.length]).toArray();
            Tensor hidden_LD = model.forward(Tensors.ids(ids).unsqueeze(0)).squeeze(0);
            try (KvCache cache = new KvCache(model, 2, ids.length);
                    KvCache.Slot other = cache.acquire();
                    KvCache.Slot slot = cache.acquire();
                    Team team = new Team(threads);
                    HostDecodeStep step = Objects.requireNonNull(HostDecodeStep.of(model, cache, team))) {
                step.read(slot, Arrays.copyOf(ids, 70));
                step.read(slot, Arrays.copyOfRange(ids, 70, 149));
                float[] scores = step.run(List.of(new DecodeStep.Row(slot, ids[149], Head.IMAGE))).getFirst();
                Fixtures.assertClose(Tensors.of(scores, scores.length), model.logits(hidden_LD.select(0, 149), Head.IMAGE));
                assertThat(slot.length()).isEqualTo(150);
                assertThat(other.length()).isZero();
            }
        }
    }

    @Test
    void rowsSideBySideScoreAsRowByRow() {
        int[][] prompts = {{5, 6, 7, 8, 9, 10, 11}, {12}, {13, 14, 15, 16}};
        try (KvCache one = new KvCache(model, prompts.length + 1, CAPACITY); KvCache other = new KvCache(model, prompts.length + 1, CAPACITY)) {
            // As on devices, where rows attend side by side: a cache is zero before it is filled.
            for (int layer = 0; layer < model.config().layers(); layer++) {
                other.keys(layer).zero_();
                other.values(layer).zero_();
            }
            List<DecodeStep.Row> apart = rows(one, prompts);
            List<DecodeStep.Row> together = rows(other, prompts);
            for (int step = 0; step < 3; step++) {
                List<float[]> expected = new TorchDecodeStep(model, false).run(apart);
                List<float[]> scores = new TorchDecodeStep(model, true).run(together);
                for (int i = 0; i < prompts.length; i++) {
                    Fixtures.assertClose(Tensors.of(scores.get(i), scores.get(i).length), Tensors.of(expected.get(i), expected.get(i).length));
                }
            }
        }
    }

    /** Rows of unequal length in slots that are not in order, the second of which writes text. */
    private static List<DecodeStep.Row> rows(KvCache cache, int[][] prompts) {
        KvCache.Slot skipped = cache.acquire();
        List<DecodeStep.Row> rows = new ArrayList<>();
        for (int i = 0; i < prompts.length; i++) {
            KvCache.Slot slot = cache.acquire();
            model.prefill(slot, prompts[i]);
            rows.add(new DecodeStep.Row(slot, 20 + i, i == 1 ? Head.TEXT : Head.IMAGE));
        }
        skipped.close();
        return rows;
    }

    /** All threads work on few rows together; of many each takes its own, a register full of them at a time where there are so many. No row may notice its company. */
    @ParameterizedTest
    @ValueSource(ints = {2, 5, 12, 40})
    void rowsDrawInCompanyWhatTheyDrawAlone(int count) {
        List<Batch.Request> requests = requests(count);
        List<int[]> alone = requests.stream().map(BatchTest::alone).toList();

        try (Batch batch = new Batch(model, GUIDED_SLOTS * count, CAPACITY)) {
            List<Sequence> rows = requests.stream().map(batch::join).toList();
            // With all threads and with one less in turns.
            while (batch.step() && batch.stepBesideOthers()) {}

            for (int i = 0; i < count; i++) {
                assertThat(rows.get(i).drawn()).as("request " + i).isEqualTo(alone.get(i));
            }
        }
    }

    /** Rows go through our own kernels in groups then, which change nothing. */
    @Test
    void moreRowsThanAreSteppedTogetherDrawWhatEachDrawsAlone() {
        int count = 70;
        List<Batch.Request> requests = requests(count);
        try (Batch many = new Batch(model, GUIDED_SLOTS * count, CAPACITY)) {
            List<Sequence> rows = requests.stream().map(many::join).toList();
            steps(many, 5);
            for (int i : new int[] {0, 40, count - 1}) {
                try (Batch one = new Batch(model, GUIDED_SLOTS, CAPACITY)) {
                    Sequence alone = one.join(requests.get(i));
                    steps(one, 5);
                    assertThat(rows.get(i).drawn()).containsExactly(alone.drawn());
                }
            }
        }
    }

    /** To the bit: by our own kernels, and by libtorch. */
    @ParameterizedTest
    @CsvSource({"true, FLOAT32, NONE", "false, FLOAT32, NONE", "true, BFLOAT16, NONE", "true, FLOAT32, INT8"})
    void deterministicRowsRememberTheSameBitsInCompany(boolean ownKernels, DType dtype, Quantization quantization) {
        try (UnifiedModel of = UnifiedModelGoldenTest.load("tiny-en", new Numerics(dtype, dtype, quantization, "cpu"))) {
            deterministicRowsRememberTheSameBitsInCompany(of, ownKernels);
        }
    }

    private static void deterministicRowsRememberTheSameBitsInCompany(UnifiedModel of, boolean ownKernels) {
        // So many that each thread takes rows of its own.
        int count = 24;
        List<Batch.Request> requests = requests(count);
        List<List<float[]>> alone = new ArrayList<>();
        for (Batch.Request request : requests) {
            try (Batch batch = new Batch(of, GUIDED_SLOTS * count, CAPACITY, true, ownKernels)) {
                Sequence row = batch.join(request);
                steps(batch, 9);
                alone.add(remembered(row));
            }
        }
        try (Batch batch = new Batch(of, GUIDED_SLOTS * count, CAPACITY, true, ownKernels)) {
            List<Sequence> rows = new ArrayList<>();
            List<List<float[]>> inCompany = new ArrayList<>();
            for (Batch.Request request : requests.reversed()) {
                rows.addFirst(batch.join(request));
            }
            steps(batch, 9);
            rows.forEach(row -> inCompany.add(remembered(row)));
            for (int i = 0; i < count; i++) {
                for (int layer = 0; layer < of.config().layers(); layer++) {
                    assertThat(inCompany.get(i).get(layer)).as("row " + i + ", layer " + layer).isEqualTo(alone.get(i).get(layer));
                }
            }
        }
    }

    /** The keys that a row has left in each layer. */
    private static List<float[]> remembered(Sequence row) {
        return remembered(row, row.conditional().length());
    }

    private static List<float[]> remembered(Sequence row, int positions) {
        List<float[]> keys = new ArrayList<>();
        try (Scope scope = Scope.inference()) {
            KvCache.Slot slot = row.conditional();
            for (int layer = 0; layer < model.config().layers(); layer++) {
                keys.add(Tensors.floats(slot.cache().keys(layer).select(0, slot.index()).narrow(1, 0, positions).contiguous()));
            }
        }
        return keys;
    }

    @Test
    void rowsJoinAndLeaveBetweenSteps() {
        List<Batch.Request> requests = requests(4);
        try (Batch batch = new Batch(model, 3, CAPACITY)) {
            Sequence first = batch.join(requests.get(0));
            steps(batch, 3);
            Sequence guided = batch.join(requests.get(2));
            assertThatThrownBy(() -> batch.join(requests.get(1)))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("rows of the batch are taken");
            steps(batch, 4);
            batch.leave(first);
            Sequence late = batch.join(requests.get(1));
            while (batch.step()) {}

            assertThat(first.drawn()).isEqualTo(Arrays.copyOf(alone(requests.get(0)), 7));
            assertThat(guided.drawn()).isEqualTo(alone(requests.get(2)));
            assertThat(late.drawn()).isEqualTo(alone(requests.get(1)));
        }
    }

    @Test
    void slotsAreUsedAgainAndRememberNothing() {
        List<Batch.Request> requests = requests(6);
        try (Batch batch = new Batch(model, GUIDED_SLOTS, CAPACITY)) {
            for (int round = 0; round < 3; round++) {
                for (Batch.Request request : requests) {
                    Sequence row = batch.join(request);
                    while (batch.step()) {}
                    assertThat(row.drawn()).isEqualTo(alone(request));
                }
            }
        }
    }

    @Test
    void aRowFillsTheContextToItsEndAndNotBeyond() {
        int[] prompt = prompt(3, 10);
        try (Batch batch = new Batch(model, 1, 16)) {
            assertThatThrownBy(() -> batch.join(text(prompt, 8, 1)))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("10 tokens and up to 8 are to follow")
                    .hasMessageContaining("context holds 16");
            Sequence row = batch.join(text(prompt, 7, 1));
            while (batch.step()) {}
            assertThat(row.drawn()).hasSize(7).isEqualTo(Arrays.copyOf(alone(text(prompt, 8, 1)), 7));
        }
    }

    @Test
    void rowsHaveTheirOwnRandomNumbers() {
        int[] prompt = prompt(5, 9);
        try (Batch batch = new Batch(model, 3, CAPACITY)) {
            Sequence a = batch.join(text(prompt, 16, 1));
            Sequence b = batch.join(text(prompt, 16, 2));
            Sequence c = batch.join(text(prompt, 16, 1));
            while (batch.step()) {}

            assertThat(a.drawn()).isEqualTo(c.drawn()).isNotEqualTo(b.drawn());
            assertThat(b.drawn()).isEqualTo(alone(text(prompt, 16, 2)));
        }
    }

    @Test
    void whatAnotherRowBeganWithIsCopied() {
        int[] prompt = prompt(6, 9);
        try (Batch batch = new Batch(model, 3, CAPACITY); Scope scope = Scope.inference()) {
            Sequence first = batch.join(text(prompt, 16, 1));
            steps(batch, 3);
            // A mark that reading the prompt again would not leave.
            KvCache.Slot slot = first.conditional();
            Tensor marked = slot.cache().keys(1).select(0, slot.index()).select(1, 4);
            marked.add_(new Scalar(1));
            Sequence second = batch.join(text(prompt, 16, 2));
            Sequence other = batch.join(text(Arrays.copyOf(prompt, 8), 16, 2));

            assertThat(second.conditional().length()).isEqualTo(8);
            assertThat(remembered(second).get(0)).isEqualTo(remembered(first, 8).get(0));
            assertThat(remembered(second).get(1)).isEqualTo(remembered(first, 8).get(1));
            assertThat(remembered(other).get(1)).isNotEqualTo(remembered(first, 7).get(1));
        }
    }

    @Test
    void stopTokensEndARowWithoutBeingDrawn() {
        Batch.Request request = text(prompt(8, 6), 12, 3);
        int[] drawn = alone(request);
        Set<Integer> stop = Set.of(drawn[4]);
        Batch.Request stopped = new Batch.Request(
                request.prompt(), null, Head.TEXT, request.sampling(), request.seed(), Set.of(), stop, request.limit(), id -> {});
        int first = 0;
        while (drawn[first] != drawn[4]) {
            first++;
        }
        assertThat(alone(stopped)).isEqualTo(Arrays.copyOf(drawn, first));
    }

    /** Of any kind: memory may run out, too. */
    @Test
    void aRowThatCannotJoinLeavesItsSlots() {
        Set<Integer> failing = new AbstractSet<>() {
            @Override
            public Iterator<Integer> iterator() {
                throw new AssertionError("out of something");
            }

            @Override
            public int size() {
                return 1;
            }
        };
        Batch.Request good = image(prompt(1, 5), 2.5, 1);
        Batch.Request bad = new Batch.Request(
                good.prompt(), good.unconditionalPrompt(), good.head(), good.sampling(), good.seed(), failing, good.stop(), good.limit(), good.listener());
        try (Batch batch = new Batch(model, GUIDED_SLOTS, CAPACITY)) {
            assertThatThrownBy(() -> batch.join(bad)).isInstanceOf(AssertionError.class).hasMessage("out of something");
            assertThat(batch.free()).isEqualTo(GUIDED_SLOTS);
            Sequence row = batch.join(good);
            while (batch.step()) {}
            assertThat(row.drawn()).isEqualTo(alone(good));
        }
    }

    @Test
    void theModesNeverMix() {
        UnifiedConfig c = model.config();
        for (Batch.Request request : requests(12)) {
            int[] drawn = alone(request);
            if (request.head() == Head.TEXT) {
                assertThat(Arrays.stream(drawn)).allMatch(id -> id < c.vocabSize());
            } else {
                assertThat(Arrays.stream(drawn)).hasSize(16).allMatch(id -> id >= c.vocabSize() && id < c.vocabSize() + c.imageVocabSize());
            }
        }
    }

    private static int[] alone(Batch.Request request) {
        try (Batch batch = new Batch(model, GUIDED_SLOTS, CAPACITY)) {
            Sequence row = batch.join(request);
            while (batch.step()) {}
            return row.drawn();
        }
    }

    private static void steps(Batch batch, int count) {
        for (int i = 0; i < count; i++) {
            batch.step();
        }
    }

    /** Text and image rows in turn, with prompts, seeds and settings of their own; every second image is guided. */
    private static List<Batch.Request> requests(int count) {
        List<Batch.Request> requests = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int[] prompt = prompt(i, 3 + 5 * (i % 12));
            requests.add(i % 2 == 1 ? text(prompt, 10 + i, 40 + i) : image(prompt, i % 4 == 2 ? 2.5 : 1, 40 + i));
        }
        return requests;
    }

    private static Batch.Request text(int[] prompt, int limit, long seed) {
        return new Batch.Request(prompt, null, Head.TEXT, Sampling.text(1.2), seed, Set.of(), Set.of(), limit, id -> {});
    }

    private static Batch.Request image(int[] prompt, double guidance, long seed) {
        int[] whole = Arrays.copyOf(prompt, prompt.length + HEADER.length);
        System.arraycopy(HEADER, 0, whole, prompt.length, HEADER.length);
        return new Batch.Request(whole, HEADER, Head.IMAGE, new Sampling(guidance, 1, 50, 1, 0.03), seed, Set.of(), Set.of(), 16, id -> {});
    }

    private static int[] prompt(int first, int length) {
        int[] ids = new int[length];
        for (int i = 0; i < length; i++) {
            ids[i] = (first * 31 + i * 17 + 3) % 500;
        }
        return ids;
    }
}
