package org.xomni.autoregressive;

import java.util.List;

/** Reads one token in each of several rows and scores what comes next. */
sealed interface DecodeStep extends AutoCloseable permits HostDecodeStep, TorchDecodeStep {

    /**
     * One row of a step.
     *
     * @param slot advanced by one position
     * @param id the token to read
     * @param head which scores are wanted
     */
    record Row(KvCache.Slot slot, int id, Head head) {}

    /** Scores of each row's head, in the order of the rows. */
    List<float[]> run(List<Row> rows);

    @Override
    void close();
}
