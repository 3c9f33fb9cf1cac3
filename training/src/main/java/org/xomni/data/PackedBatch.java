package org.xomni.data;

import java.util.Arrays;

/**
 * Sequences laid end to end in rows of one length, the input of one training step. Sequences of a row must not see each other: a position
 * attends to the positions up to itself that belong to the same document. All arrays are [B, L], row-major.
 *
 * @param rows B
 * @param length L
 * @param documents how many sequences are in the batch
 * @param ids vocabulary ids; 0 where there is padding
 * @param document which sequence a position belongs to, 0 .. documents-1, ascending along the rows; {@link #NONE} for padding
 * @param positions place within the sequence, from 0 in each
 * @param targets the next id of the same sequence where predicting it counts, otherwise {@link #NONE}
 * @param after how to go on after this batch
 */
@SuppressWarnings("ArrayRecordComponent")
public record PackedBatch(
        int rows, int length, int documents, int[] ids, int[] document, int[] positions, int[] targets, Packer.State after) {
    /** No document, no target. */
    public static final int NONE = -1;

    /** How many predictions count: what the loss is averaged over. */
    public long targetCount() {
        return Arrays.stream(targets).filter(t -> t != NONE).count();
    }

    /** How many positions are not padding. */
    public long tokenCount() {
        return Arrays.stream(document).filter(d -> d != NONE).count();
    }
}
