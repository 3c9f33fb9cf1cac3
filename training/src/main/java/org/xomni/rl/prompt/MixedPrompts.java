package org.xomni.rl.prompt;

import java.util.List;
import org.xomni.data.Shares;

/**
 * Several sources, mixed by weight.
 *
 * @param sources one for each share
 */
record MixedPrompts(Shares shares, List<PromptSource> sources) implements PromptSource {
    @Override
    public Prompt prompt(long index) {
        Shares.Place place = shares.place(index);
        return sources.get(place.part()).prompt(place.index());
    }

    @Override
    public void requireWithoutRepetition(long count) {
        long[] each = new long[sources.size()];
        for (long i = 0; i < count; i++) {
            each[shares.place(i).part()]++;
        }
        for (int part = 0; part < each.length; part++) {
            sources.get(part).requireWithoutRepetition(each[part]);
        }
    }
}
