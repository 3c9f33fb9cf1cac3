package org.xomni.data.signs;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** What stands on signs: English words and phrases, random letters, numbers. */
public final class Words {
    /** All English words, in lower case. */
    public static final List<String> ENGLISH =
            read("words.txt").stream().flatMap(line -> Arrays.stream(line.split(" "))).toList();

    private static final List<String> PHRASES = read("phrases.txt");
    private static final int LONGEST = ENGLISH.stream().mapToInt(String::length).max().orElseThrow();
    private static final List<Shelf> SHELVES = Stream.of(Split.TRAIN, Split.HELD_OUT).map(Shelf::of).toList();
    private static final String VOWELS = "aeiou";
    private static final String CONSONANTS = "bcdfghjklmnpqrstvwxyz";

    private Words() {}

    /** How letters are written. */
    private enum Case {
        UPPER,
        CAPITALISED,
        LOWER,
        MIXED;

        static Case any(RandomGenerator random) {
            int percent = random.nextInt(100);
            return percent < 50 ? UPPER : percent < 73 ? CAPITALISED : percent < 96 ? LOWER : MIXED;
        }

        String apply(String word, RandomGenerator random) {
            return switch (this) {
                case UPPER -> word.toUpperCase(Locale.ROOT);
                case CAPITALISED -> Character.toUpperCase(word.charAt(0)) + word.substring(1);
                case LOWER -> word;
                case MIXED -> word.chars()
                        .map(c -> random.nextBoolean() ? Character.toUpperCase(c) : c)
                        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                        .toString();
            };
        }
    }

    /** The English words and phrases of one half; {@code words.get(n)} are those of up to n characters. */
    private record Shelf(List<List<String>> words, List<String> phrases) {
        static Shelf of(Split split) {
            List<String> own = ENGLISH.stream().filter(w -> Split.of(w) == split).toList();
            return new Shelf(
                    IntStream.rangeClosed(0, LONGEST).mapToObj(n -> own.stream().filter(w -> w.length() <= n).toList()).toList(),
                    PHRASES.stream().filter(p -> Arrays.stream(p.split(" ")).allMatch(w -> Split.of(w) == split)).toList());
        }
    }

    /**
     * The lines of a sign: half of the time one word, else up to four words or a phrase, one word to a line or broken where a line is full.
     * All words belong to the split, training or held-out.
     *
     * @param maxCharacters of a line, at least 3
     * @param maxLines at least 1
     */
    public static List<String> lines(Split split, int maxCharacters, int maxLines, RandomGenerator random) {
        while (true) {
            Case style = Case.any(random);
            int percent = random.nextInt(100);
            int count = percent < 50 ? 1 : percent < 78 ? 2 : percent < 92 ? 3 : 4;
            // Few phrases consist of held-out words only: these shall not come all the time.
            List<String> phrases = SHELVES.get(split.ordinal()).phrases;
            List<String> words = count > 1 && random.nextInt(400) < phrases.size()
                    ? List.of(phrases.get(random.nextInt(phrases.size())).split(" "))
                    : words(split, count, maxCharacters, random);
            List<String> styled = words.stream().map(w -> style.apply(w, random)).toList();
            boolean wrap = random.nextInt(5) < 3;
            List<String> lines = wrap ? Scene.wrap(String.join(" ", styled), maxCharacters) : styled;
            if (lines.size() <= maxLines && lines.stream().allMatch(l -> l.length() <= maxCharacters)) {
                return lines;
            }
        }
    }

    private static List<String> words(Split split, int count, int maxCharacters, RandomGenerator random) {
        List<String> words = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            words.add(word(split, maxCharacters, random));
        }
        return words;
    }

    /** One word, number or random string of the split, in lower case. */
    static String word(Split split, int maxCharacters, RandomGenerator random) {
        while (true) {
            int percent = random.nextInt(100);
            String word;
            if (percent < 42) {
                List<String> fitting = SHELVES.get(split.ordinal()).words.get(Math.min(maxCharacters, LONGEST));
                word = fitting.get(random.nextInt(fitting.size()));
                word = random.nextInt(20) == 0 ? word + "!?".charAt(random.nextInt(2)) : word;
            } else if (percent < 72) {
                word = letters(length(2, 7, maxCharacters, random), random);
            } else if (percent < 84) {
                word = syllables(length(3, 9, maxCharacters, random), random);
            } else if (percent < 95) {
                word = digits(length(1, 4, maxCharacters, random), random);
            } else {
                word = number(random);
            }
            if (word.length() <= maxCharacters && Split.of(word) == split) {
                return word;
            }
        }
    }

    private static int length(int least, int most, int maxCharacters, RandomGenerator random) {
        return random.nextInt(least, Math.min(most, maxCharacters) + 1);
    }

    private static String letters(int length, RandomGenerator random) {
        StringBuilder word = new StringBuilder(length);
        for (int i = 0; i < length; i++) {
            word.append((char) ('a' + random.nextInt(26)));
        }
        return word.toString();
    }

    /** Letters that can be pronounced: names that nobody has heard of. */
    private static String syllables(int length, RandomGenerator random) {
        StringBuilder word = new StringBuilder(length);
        boolean vowel = random.nextInt(3) == 0;
        for (int i = 0; i < length; i++) {
            String from = vowel ? VOWELS : CONSONANTS;
            word.append(from.charAt(random.nextInt(from.length())));
            vowel = vowel ? random.nextInt(6) == 0 : random.nextInt(6) != 0;
        }
        return word.toString();
    }

    private static String digits(int length, RandomGenerator random) {
        StringBuilder word = new StringBuilder(length);
        for (int i = 0; i < length; i++) {
            word.append((char) ('0' + random.nextInt(10)));
        }
        return word.toString();
    }

    /** A price, a share, a time, or a room. */
    private static String number(RandomGenerator random) {
        return switch (random.nextInt(5)) {
            case 0 -> "$" + (1 + random.nextInt(99));
            case 1 -> 5 * (1 + random.nextInt(20)) + "%";
            case 2 -> 1 + random.nextInt(12) + ":" + digits(2, random);
            case 3 -> letters(1, random) + random.nextInt(100);
            default -> random.nextInt(10) + "." + digits(1 + random.nextInt(2), random);
        };
    }

    private static List<String> read(String resource) {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(
                Objects.requireNonNull(Words.class.getResourceAsStream(resource), resource + " is missing"), UTF_8))) {
            return in.lines().filter(line -> !line.startsWith("#")).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(resource + " cannot be read", e);
        }
    }
}
