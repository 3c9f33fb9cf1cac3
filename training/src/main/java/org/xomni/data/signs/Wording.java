package org.xomni.data.signs;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.random.RandomGenerator;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A small grammar: how things are said, in a text file that lists alternatives for each symbol (its head says how). Nothing that the world
 * says stands anywhere else, so that {@link #words()} are all words there are.
 */
final class Wording {
    private static final Pattern PART = Pattern.compile("\\{([^}]+)\\}|<([^>]+)>|[^{<]+");
    private static final Pattern WEIGHT = Pattern.compile(" \\*(\\d+)$");
    private static final Pattern WORD = Pattern.compile("[A-Za-z]+");

    private final Map<String, List<Alternative>> symbols;

    private Wording(Map<String, List<Alternative>> symbols) {
        this.symbols = symbols;
    }

    /** A part of an alternative. */
    private sealed interface Part {
        record Literal(String text) implements Part {}

        record Slot(String name) implements Part {}

        record Symbol(String name) implements Part {}
    }

    /** One way to say something, and how likely it is beside the others. */
    private record Alternative(List<Part> parts, Set<String> slots, int weight) {
        static Alternative parse(String line) {
            var weight = WEIGHT.matcher(line);
            boolean weighted = weight.find();
            List<Part> parts = PART.matcher(weighted ? line.substring(0, weight.start()) : line).results().map(Alternative::part).toList();
            Set<String> slots = parts.stream()
                    .flatMap(p -> p instanceof Part.Slot(String name) ? Stream.of(name) : Stream.of())
                    .collect(Collectors.toUnmodifiableSet());
            return new Alternative(parts, slots, weighted ? Integer.parseInt(weight.group(1)) : 1);
        }

        private static Part part(MatchResult part) {
            return part.group(1) != null ? new Part.Slot(part.group(1))
                    : part.group(2) != null ? new Part.Symbol(part.group(2)) : new Part.Literal(part.group());
        }

        boolean fits(Set<String> must, Set<String> may) {
            if (!slots.containsAll(must)) {
                return false;
            }
            for (String slot : slots) {
                if (!must.contains(slot) && !may.contains(slot)) {
                    return false;
                }
            }
            return true;
        }
    }

    /** Text, and the slots that it has used. */
    record Said(String text, Set<String> used) {}

    /** Reads a wording from a resource beside this class. */
    static Wording read(String resource) {
        Map<String, List<Alternative>> symbols = new LinkedHashMap<>();
        try (BufferedReader in = new BufferedReader(new InputStreamReader(
                Objects.requireNonNull(Wording.class.getResourceAsStream(resource), resource + " is missing"), UTF_8))) {
            List<Alternative> alternatives = new ArrayList<>();
            for (String line : in.lines().filter(l -> !l.isEmpty() && !l.startsWith("#")).toList()) {
                if (line.startsWith("[")) {
                    alternatives = new ArrayList<>();
                    symbols.put(line.substring(1, line.length() - 1), alternatives);
                } else {
                    alternatives.add(Alternative.parse(line));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(resource + " cannot be read", e);
        }
        return new Wording(symbols);
    }

    /** Says something that has no slots. */
    String say(String symbol, RandomGenerator random) {
        return say(symbol, Map.of(), Map.of(), random).text();
    }

    /** Says something in which each slot occurs. */
    String say(String symbol, Map<String, String> slots, RandomGenerator random) {
        return say(symbol, slots, Map.of(), random).text();
    }

    /**
     * Says something.
     *
     * @param must slots that have to be mentioned
     * @param may slots that can be mentioned too
     * @throws IllegalStateException if the symbol has no such alternative
     */
    Said say(String symbol, Map<String, String> must, Map<String, String> may, RandomGenerator random) {
        Map<String, String> slots = may;
        if (may.isEmpty()) {
            slots = must;
        } else if (!must.isEmpty()) {
            slots = new HashMap<>(may);
            slots.putAll(must);
        }
        Alternative chosen = choose(symbol, must.keySet(), may.keySet(), random);
        StringBuilder text = new StringBuilder();
        for (Part part : chosen.parts) {
            text.append(switch (part) {
                case Part.Literal(String literal) -> literal;
                case Part.Slot(String name) -> Objects.requireNonNull(slots.get(name));
                case Part.Symbol(String name) -> say(name, random);
            });
        }
        return new Said(text.toString(), chosen.slots);
    }

    /** How many alternatives a symbol has. */
    int size(String symbol) {
        return alternatives(symbol).size();
    }

    /** All words of all alternatives. */
    Set<String> words() {
        return literals().flatMap(l -> WORD.matcher(l).results()).map(MatchResult::group).collect(Collectors.toCollection(TreeSet::new));
    }

    private Stream<String> literals() {
        return symbols.values().stream()
                .flatMap(List::stream)
                .flatMap(a -> a.parts.stream())
                .flatMap(p -> p instanceof Part.Literal(String text) ? Stream.of(text) : Stream.of());
    }

    private Alternative choose(String symbol, Set<String> must, Set<String> may, RandomGenerator random) {
        List<Alternative> all = alternatives(symbol);
        int total = 0;
        for (Alternative a : all) {
            total += a.fits(must, may) ? a.weight : 0;
        }
        if (total == 0) {
            throw new IllegalStateException("no way to say " + symbol + " with " + must + " and perhaps " + may);
        }
        int left = random.nextInt(total);
        for (Alternative a : all) {
            left -= a.fits(must, may) ? a.weight : 0;
            if (left < 0) {
                return a;
            }
        }
        throw new AssertionError(symbol);
    }

    private List<Alternative> alternatives(String symbol) {
        List<Alternative> all = symbols.get(symbol);
        if (all == null || all.isEmpty()) {
            throw new IllegalStateException("the wording has no symbol " + symbol + "; known are " + symbols.keySet());
        }
        return all;
    }
}
