package org.xomni.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.tensor.CheckpointException;

/** Expected texts come from Jinja 3.1 with trim_blocks and lstrip_blocks. */
class JinjaWhitespaceTest {
    private static final String X = "add_generation_prompt";
    private static final String Y = "bos_token";

    @TempDir
    Path folder;

    @Test
    void whiteSpaceIsThatOfJinjaWithTrimmedBlocks() throws IOException {
        assertRenders("a\n  {% if x %}\n  b\n  {% endif %}\n c\n", "a\n  b\n c");
        assertRenders("a  {% if x %} b {% endif %}\nc\n\n", "a   b c\n");
        assertRenders("a \n {%- if x -%} \n b \n {%- endif +%}\nc", "ab\nc");
        assertRenders("  {%+ if x %}\n  b{% endif %}", "    b");
        assertRenders("  {{ y }}\n  {{- y -}}\n  z", "  YYz");
        assertRenders("{# c #}\n  {#- d -#}  e {# f #} g", "e  g");
        assertRenders("a\r\n{% if x %}\r\nb{% endif %}", "a\nb");
        assertRenders("{% if x %}\n  {% if x %}\n    b\n  {% endif %}\n{% endif %}\n", "    b\n");
        assertRenders("{{ y }}{% if x %}\n\n\n c{% endif %}", "Y\n\n c");
        assertRenders("{ } {", "{ } {");
    }

    @Test
    void expressionsOfTemplatesWork() throws IOException {
        assertRenders("{{ '%}' }}{{ \"-}}\" }}{{ {'a': 1}['a'] }}", "%}-}}1");
        assertRenders("{{ 'a\\n\\tb\\'c' }}", "a\n\tb'c");
        assertRenders("{% set n = namespace(v=1) %}\n{% for i in [1,2] %}\n  {% set n.v = n.v + i %}\n{% endfor %}\n{{ n.v }}", "4");
        assertRenders("{% for m in [1,2,3] %}{{ m }}{{ ',' if not loop.last }}{% endfor %}", "1,2,3");
        assertRenders("{{ '  x '|trim }}.{{ [1,2,3][1:]|length }}.{{ [1,2,3][-1] }}", "x.2.3");
        assertRenders("{% raw %}\n {{ z }} {% endraw %}\n t", "\n {{ z }}  t");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{{ x", "{% if x", "{# x", "{", "{{ 'x }}", "{%-", "{{",
        "{% if x %}", "{% include 'pom.xml' %}", "{{ messages.getClass() }}", "{% endfor %}", "{{ 1 / }}"})
    void brokenTemplatesNeverCrash(String template) throws IOException {
        Files.writeString(folder.resolve("chat_template.jinja"), template);
        if (template.equals("{")) {
            assertThat(ChatTemplate.load(folder).render(List.of(), true)).isEqualTo("{");
        } else {
            assertThatThrownBy(() -> ChatTemplate.load(folder).render(List.of(), true)).isInstanceOf(CheckpointException.class)
                    .message().doesNotContain("\n");
        }
    }

    private void assertRenders(String template, String expected) throws IOException {
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"bos_token\": {\"content\": \"Y\"}}");
        Files.writeString(folder.resolve("chat_template.jinja"), template.replaceAll("\\bx\\b(?= [-%}])", X).replaceAll("\\by\\b", Y));
        assertThat(ChatTemplate.load(folder).render(List.of(), true)).as(template).isEqualTo(expected);
    }
}
