package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

class BenchCommandTest {
    private static final String[] SHAPE = {
        "--hidden", "64", "--layers", "2", "--heads", "2", "--kv-heads", "1", "--ffn", "96", "--vocab", "40", "--image-vocab", "48", "--context", "16"
    };

    @ParameterizedTest
    @CsvSource({"decode, tokens_per_s", "prefill, tokens_per_s", "tokenizer, images_per_s", "decoder, images_per_s", "rl, seconds_update"})
    void printsOneLineOfJsonBesideTheMachinesLimits(String what, String figure) {
        List<String> args = new ArrayList<>(List.of("bench", what));
        args.addAll(Arrays.asList(SHAPE));

        Cli result = Cli.run(args.toArray(String[]::new));

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.out().lines()).hasSize(1);
        JsonNode line = Json.mapper().readTree(result.out());
        assertThat(line.get(figure).doubleValue()).isPositive();
        assertThat(line.get("read_bandwidth_gbs").doubleValue()).isPositive();
        assertThat(line.get("small_op_us").doubleValue()).isPositive();
        if (!what.equals("rl")) {
            assertThat(line.get("weight_bytes_per_token").longValue()).isPositive();
            assertThat(line.get("achieved_gbs").doubleValue()).isPositive();
        }
        if (what.equals("prefill")) {
            assertThat(line.get("weight_bytes_per_token").longValue()).isEqualTo(4 * 2L * (64 * 32 * (2 * 2 + 2) + 3 * 64 * 96) / 16);
        }
        if (what.equals("decode")) {
            // Two blocks of attention (64 x 32 for four query and two key-value heads' worth) and MLP, and the image head, in fp32.
            long weights = 2L * (64 * 32 * (2 * 2 + 2) + 3 * 64 * 96) + 64 * 48;
            assertThat(line.get("weight_bytes_per_token").longValue()).isEqualTo(4 * weights);
        }
    }
}
