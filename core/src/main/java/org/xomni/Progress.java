package org.xomni;

/** Hears how far a request is, and may cancel it. */
@FunctionalInterface
public interface Progress {
    /** For those who do not listen. */
    Progress NONE = (phase, done, total) -> {};

    /** What is being counted. */
    enum Phase {
        /** Image tokens. Images are drawn side by side, so they count once; those of a request that has too many for that are drawn group by group, and the groups add up. */
        DRAWING,
        /** Steps of the diffusion decoder, over all images of the request. */
        DECODING,
        /** Text tokens; the total is the most that may come. */
        ANSWERING
    }

    void report(Phase phase, int done, int total);

    /** Asked between steps; true ends the request with a {@link java.util.concurrent.CancellationException}. */
    default boolean cancelled() {
        return false;
    }
}
