package org.xomni.server;

import org.junit.jupiter.api.Test;

/** OpenAI's JavaScript client: see {@code openai.mjs}. */
class OpenAiNodeTest {
    @Test
    void drawsTalksStreamsAndFailsAsItShould() throws Exception {
        try (TestServer server = TestServer.withKey()) {
            NodePackages.script("openai.mjs", server.url(""), TestServer.KEY, TestServer.dataUrl());
        }
    }
}
