package org.xomni.text;

import org.xomni.tensor.CheckpointException;

/**
 * Jinja's white space rules, applied to the text of a template beforehand, because the engine (jinjava) does not have them all: the
 * {@code -} and {@code +} signs in tags, and what transformers switches on for chat templates, {@code trim_blocks} (the newline after a
 * block or comment goes) and {@code lstrip_blocks} (so does the indentation before one that begins its line). Comments are dropped.
 */
final class JinjaWhitespace {
    private final String source;
    private final StringBuilder out = new StringBuilder();
    private int position;
    private boolean lineStarts = true;

    private JinjaWhitespace(String template) {
        String unix = template.replace("\r\n", "\n").replace('\r', '\n');
        source = unix.endsWith("\n") ? unix.substring(0, unix.length() - 1) : unix;
    }

    /** The template without signs and comments, for an engine that keeps all white space. */
    static String apply(String template) {
        JinjaWhitespace rules = new JinjaWhitespace(template);
        while (rules.position < rules.source.length()) {
            rules.text();
        }
        return rules.out.toString();
    }

    /** Copies text up to the next tag, and then the tag. */
    private void text() {
        int open = position;
        while (open < source.length() && !opens(open)) {
            open++;
        }
        String text = source.substring(position, open);
        if (open == source.length()) {
            out.append(text);
            position = open;
            return;
        }
        char kind = source.charAt(open + 1);
        char sign = open + 2 < source.length() ? source.charAt(open + 2) : ' ';
        if (sign == '-') {
            text = text.stripTrailing();
        } else if (kind != '{' && sign != '+') {
            int line = text.lastIndexOf('\n') + 1;
            text = (line > 0 || lineStarts) && text.substring(line).isBlank() ? text.substring(0, line) : text;
        }
        out.append(text);
        tag(kind, open + (sign == '-' || sign == '+' ? 3 : 2));
    }

    /** Copies the tag whose inside begins at {@code from}. */
    private void tag(char kind, int from) {
        int close = kind == '#' ? source.indexOf("#}", from) : closing(kind, from);
        if (close < 0) {
            throw new CheckpointException("the chat template opens {" + kind + " after character " + position
                    + " and never closes it; restore chat_template from the original checkpoint");
        }
        char last = source.charAt(close - 1);
        boolean signed = close > from && (last == '-' || (last == '+' && kind != '{'));
        String inside = source.substring(from, signed ? close - 1 : close).strip();
        position = close + 2;
        boolean raw = kind == '%' && inside.equals("raw");
        if (signed && last == '-') {
            while (position < source.length() && Character.isWhitespace(source.charAt(position))) {
                position++;
            }
        } else if (kind != '{' && !signed && !raw && position < source.length() && source.charAt(position) == '\n') {
            position++;
        }
        lineStarts = source.charAt(position - 1) == '\n';
        if (kind != '#') {
            out.append('{').append(kind).append(' ').append(inside).append(' ').append(kind == '{' ? '}' : kind).append('}');
        }
    }

    private boolean opens(int i) {
        return source.charAt(i) == '{' && i + 1 < source.length() && "{%#".indexOf(source.charAt(i + 1)) >= 0;
    }

    /** Where the tag closes: not inside a string literal or a bracket. */
    private int closing(char kind, int from) {
        char closer = kind == '{' ? '}' : kind;
        int depth = 0;
        for (int i = from; i + 1 < source.length(); i++) {
            char c = source.charAt(i);
            if (depth == 0 && c == closer && source.charAt(i + 1) == '}') {
                return i;
            } else if (c == '\'' || c == '"') {
                i++;
                while (i < source.length() && source.charAt(i) != c) {
                    i += source.charAt(i) == '\\' ? 2 : 1;
                }
            } else if ("([{".indexOf(c) >= 0) {
                depth++;
            } else if (")]}".indexOf(c) >= 0) {
                depth--;
            }
        }
        return -1;
    }
}
