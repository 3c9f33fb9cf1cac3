package org.xomni;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.ImageFiles;
import org.xomni.image.Pixels;
import org.xomni.tensor.DType;
import org.xomni.tensor.Quantization;

/** Requests in one process leave no native memory behind. {@code -Dxomni.leak.rounds=200} looks for longer. */
class LeakTest {
    private static final int WARM_UP = 5;
    private static final int ROUNDS = Integer.getInteger("xomni.leak.rounds", 20);
    private static final long PAGE_BYTES = 4096;
    private static final int WINDOWS = 3;
    private static final long MOST_GROWTH = 16L << 20;

    private final Pixels image = ImageFiles.read(Fixtures.golden("tiny-en", "images/0_120x96_RGB.png"));

    @Test
    void requestsLeaveNothingBehind() throws Exception {
        try (XOmni xomni = XOmni.load(Fixtures.model("tiny-zh"), LoadOptions.DEFAULT.dtype(DType.FLOAT32))) {
            assertFlat("requests", ROUNDS, () -> {
                xomni.draw(List.of(request(1), request(3)), Progress.NONE);
                xomni.tokenize(image);
                xomni.chat(question(), piece -> {}, Progress.NONE);
                try (Conversation conversation = xomni.converse()) {
                    conversation.draw(request(2), Progress.NONE);
                    conversation.say(question(), piece -> {}, Progress.NONE);
                }
            });
        }
    }

    /** Of weights that have packed copies where the CPU multiplies bf16. */
    @Test
    void requestsInBfloat16LeaveNothingBehind() throws Exception {
        try (XOmni xomni = XOmni.load(Fixtures.model("tiny-zh"), LoadOptions.DEFAULT.dtype(DType.BFLOAT16))) {
            assertFlat("requests", ROUNDS, () -> xomni.draw(List.of(request(1), request(3)), Progress.NONE));
        }
    }

    @Test
    void loadingAndClosingLeavesNothingBehind() throws Exception {
        LoadOptions offloading = new LoadOptions(null, DType.BFLOAT16, Quantization.INT8, "cpu", 0, true);
        assertFlat("loads", ROUNDS / 2, () -> {
            try (XOmni xomni = XOmni.load(Fixtures.model("tiny-en"), offloading)) {
                xomni.draw(request(1), Progress.NONE);
                xomni.chat(question(), piece -> {}, Progress.NONE);
            }
        });
    }

    private static DrawRequest request(double guidance) {
        return new DrawRequest("a red square", 32, 48, new Sampling(guidance, 1, 50, 1, 0.03), 1, new DecodeSettings(2, 1.5, false));
    }

    private ChatRequest question() {
        return new ChatRequest("What is it?", List.of(image), 6, Sampling.text(1), 1);
    }

    /** A leak grows in every window of rounds; the Java heap and compiled code, resident too, grow now and then. */
    private static void assertFlat(String what, int rounds, Runnable round) throws Exception {
        for (int i = 0; i < WARM_UP; i++) {
            round.run();
        }
        long pointers = pointers();
        long leastGrowth = Long.MAX_VALUE;
        for (int window = 0; window < WINDOWS; window++) {
            long bytes = residentBytes();
            for (int i = 0; i < rounds; i++) {
                round.run();
            }
            long pointersAfter = pointers();
            long bytesAfter = residentBytes();
            System.err.printf("%d %s: native pointers %d -> %d, resident %d -> %d MiB%n",
                    rounds, what, pointers, pointersAfter, bytes >> 20, bytesAfter >> 20);
            assertThat(pointersAfter).as("native pointers").isLessThanOrEqualTo(pointers);
            leastGrowth = Math.min(leastGrowth, bytesAfter - bytes);
        }
        assertThat(leastGrowth).as("growth of resident memory in bytes, in the window where it grew least").isLessThan(MOST_GROWTH);
    }

    /** Owners of native memory; small ones outside of all scopes (options, scalars) go with the garbage. */
    private static long pointers() throws InterruptedException {
        long least = Pointer.totalCount();
        for (int still = 0; still < 3; ) {
            System.gc();
            Thread.sleep(50);
            Pointer.deallocateReferences();
            long now = Pointer.totalCount();
            still = now < least ? 0 : still + 1;
            least = Math.min(least, now);
        }
        return least;
    }

    private static long residentBytes() throws IOException {
        Path statm = Path.of("/proc/self/statm");
        return Files.isReadable(statm) ? Long.parseLong(Files.readString(statm).split(" ", 3)[1]) * PAGE_BYTES : 0;
    }
}
