package org.xomni.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.langchain4j.data.image.Image;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.HttpException;
import dev.langchain4j.exception.ModelNotFoundException;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.image.ImageModel;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiImageModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.xomni.image.ImageFiles;

/** LangChain4j's models for OpenAI's API, as they are published. */
class LangChain4jTest {
    private static final TestServer server = TestServer.withKey();

    @AfterAll
    static void close() {
        server.close();
    }

    @Test
    void anImageModelDraws() {
        Image image = images("64x48").generate("a red square").content();
        assertThat(ImageFiles.decode(Base64.getDecoder().decode(image.base64Data()), "image").width()).isEqualTo(64);
        assertThat(images("64x48").generate("a red square", 2).content()).hasSize(2);
    }

    @Test
    void aChatModelTalksAboutAnImage() {
        ChatModel model = OpenAiChatModel.builder().baseUrl(server.url("/v1")).apiKey(TestServer.KEY).modelName(TestServer.MODEL)
                .temperature(1.0).seed(3).maxTokens(6).maxRetries(0).build();
        ChatResponse response = model.chat(question());
        assertThat(response.aiMessage().text()).isNotEmpty();
        assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(6);
    }

    @Test
    void aStreamingChatModelHearsItPieceByPiece() throws Exception {
        OpenAiStreamingChatModel model = OpenAiStreamingChatModel.builder().baseUrl(server.url("/v1")).apiKey(TestServer.KEY)
                .modelName(TestServer.MODEL).temperature(1.0).seed(3).maxTokens(6).build();
        StringBuilder heard = new StringBuilder();
        CompletableFuture<ChatResponse> whole = new CompletableFuture<>();
        model.chat(List.of(question()), new StreamingChatResponseHandler() {
            @Override
            public void onPartialResponse(String piece) {
                heard.append(piece);
            }

            @Override
            public void onCompleteResponse(ChatResponse response) {
                whole.complete(response);
            }

            @Override
            public void onError(Throwable error) {
                whole.completeExceptionally(error);
            }
        });
        assertThat(whole.get(60, TimeUnit.SECONDS).aiMessage().text()).isEqualTo(heard.toString()).isNotEmpty();
    }

    @Test
    void errorsReachTheCaller() {
        assertThatThrownBy(() -> images("65x48").generate("a")).isInstanceOfSatisfying(HttpException.class, e -> assertThat(e.statusCode()).isEqualTo(400))
                .hasMessageContaining("size 65x48 is not a multiple of 16 pixels; try 64x48");
        ChatModel unknown = OpenAiChatModel.builder().baseUrl(server.url("/v1")).apiKey(TestServer.KEY).modelName("gpt-0").maxRetries(0).build();
        assertThatThrownBy(() -> unknown.chat("a")).isInstanceOf(ModelNotFoundException.class);
    }

    private static ImageModel images(String size) {
        return OpenAiImageModel.builder().baseUrl(server.url("/v1")).apiKey(TestServer.KEY).modelName(TestServer.MODEL).size(size)
                .maxRetries(0).build();
    }

    private static UserMessage question() {
        String data = TestServer.dataUrl();
        return UserMessage.from(TextContent.from("What is it?"), ImageContent.from(data.substring(data.indexOf(',') + 1), "image/png"));
    }
}
