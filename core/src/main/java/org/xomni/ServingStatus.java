package org.xomni;

/**
 * Where a {@link ServingEngine} stands; counts are since its start.
 *
 * @param waiting tasks that are not begun
 * @param rows rows of the batch in use
 * @param decoding pictures whose tokens are drawn and whose pixels are not
 * @param imageTokens drawn
 * @param textTokens drawn
 * @param steps of the batch
 * @param stepNanos how long these took
 * @param images finished
 * @param answers finished
 * @param refused tasks
 * @param cancelled tasks
 */
public record ServingStatus(
        int waiting,
        int rows,
        int decoding,
        long imageTokens,
        long textTokens,
        long steps,
        long stepNanos,
        long images,
        long answers,
        long refused,
        long cancelled) {}
