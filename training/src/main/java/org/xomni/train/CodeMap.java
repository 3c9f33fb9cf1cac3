package org.xomni.train;

// Shapes: K codes, C code dimension, V rows of the table, D width.

import java.util.Map;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.Scope;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.Tensors;

/**
 * Lets image tokens that look alike learn together. A table with a row for each code (image embedding, image head) is trained as if it were
 *
 * <pre>
 * table = free + codes map
 * </pre>
 *
 * with codes [K, C] of length 1 and a map [C, D] that all rows share: what one letter in red teaches moves the same letter in blue. Only the sum is
 * kept. The map's gradient is {@code codes^T} times the table's; after each step {@code codes map} is added to the table, and the map is zero again.
 *
 * <p>This project's addition to the paper, for tables whose rare rows a small run hardly visits.
 */
final class CodeMap implements AutoCloseable {
    private final String name;
    private final Tensor table;
    private final Tensor codes_KC;
    private final Tensor map_CD;

    /**
     * @param name of the table in the optimiser
     * @param table_VD the parameter; its first K rows stand for codes
     * @param codes_KC fp32, of length 1, where the table is; taken over
     */
    CodeMap(String name, Tensor table_VD, Tensor codes_KC) {
        this.name = name;
        this.table = table_VD;
        this.codes_KC = codes_KC;
        try (Scope scope = Scope.plain()) {
            this.map_CD = torch.zeros(new long[] {codes_KC.size(1), table_VD.size(1)}, codes_KC.options());
            map_CD.retainReference();
        }
    }

    /** The map, for the optimiser. */
    ParameterGroup group() {
        return new ParameterGroup(Map.of(name + "/map", map_CD), 1);
    }

    /** Gives the map its gradient, once the table has its own. */
    void follow() {
        Tensor gradient = table.grad();
        if (!gradient.defined()) {
            return;
        }
        try (Scope scope = Scope.plain()) {
            Tensor rows_KD = gradient.narrow(0, 0, codes_KC.size(0)).to(ScalarType.Float);
            map_CD.mul(codes_KC.t().matmul(rows_KD)).sum().backward();
        }
    }

    /** Adds what the map has learned to the table. */
    void fold(AdamW optimizer) {
        try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
            optimizer.change(name, master_VD -> {
                Tensor unused = master_VD.narrow(0, 0, codes_KC.size(0)).add_(codes_KC.matmul(map_CD));
            });
            optimizer.change(name + "/map", map -> {
                Tensor unused = map.zero_();
            });
        }
    }

    /** The codes of a codebook, scaled to length 1. */
    static Tensor codes(StoredTensor codebook) {
        return Scope.only(() -> IbqLoss.unit(Tensors.over(codebook).to(ScalarType.Float)).clone());
    }

    @Override
    public void close() {
        map_CD.releaseReference();
        codes_KC.releaseReference();
    }
}
