package org.xomni.ocr;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The recogniser's classes: the blank first, then the characters of the keys file, the space last. The list in the model's own metadata
 * is not used: ONNX Runtime garbles it.
 */
final class Characters {
    private static final String KEYS = "models/ppocr_keys_v1.txt";

    private final List<String> characters;
    private final Map<String, int[]> folded = new HashMap<>();

    private Characters(List<String> characters) {
        this.characters = characters;
        Map<String, List<Integer>> alike = new HashMap<>();
        for (int c = 1; c < characters.size(); c++) {
            alike.computeIfAbsent(fold(characters.get(c)), _ -> new ArrayList<>()).add(c);
        }
        alike.forEach((key, classes) -> folded.put(key, classes.stream().mapToInt(Integer::intValue).toArray()));
    }

    static Characters load() {
        List<String> characters = new ArrayList<>(List.of(""));
        new String(Onnx.bytes(KEYS), UTF_8).lines().forEach(characters::add);
        characters.add(" ");
        return new Characters(List.copyOf(characters));
    }

    int count() {
        return characters.size();
    }

    String text(int[] classes) {
        StringBuilder text = new StringBuilder();
        for (int c : classes) {
            text.append(characters.get(c));
        }
        return text.toString();
    }

    /** For each character of a text the classes that are the same but for case and width (none if the recogniser does not know it). */
    int[][] anyCase(String text) {
        return fold(text).codePoints()
                .mapToObj(c -> folded.getOrDefault(Character.toString(c), new int[0]))
                .toArray(int[][]::new);
    }

    private static String fold(String text) {
        return Normalizer.normalize(text, Normalizer.Form.NFKC).toLowerCase(Locale.ROOT);
    }
}
