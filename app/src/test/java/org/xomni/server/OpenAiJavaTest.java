package org.xomni.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.errors.UnauthorizedException;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionContentPart;
import com.openai.models.chat.completions.ChatCompletionContentPartImage;
import com.openai.models.chat.completions.ChatCompletionContentPartText;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.images.Image;
import com.openai.models.images.ImageGenStreamEvent;
import com.openai.models.images.ImageGenerateParams;
import com.openai.models.images.ImagesResponse;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.xomni.image.ImageFiles;
import org.xomni.image.Pixels;

/** OpenAI's own Java client, as it is published. */
class OpenAiJavaTest {
    private static final TestServer server = TestServer.withKey();
    private static final OpenAIClient client = client(TestServer.KEY);

    private static OpenAIClient client(String key) {
        return OpenAIOkHttpClient.builder().apiKey(key).baseUrl(server.url("/v1")).maxRetries(0).build();
    }

    @AfterAll
    static void close() {
        client.close();
        server.close();
    }

    @Test
    void listsTheModel() {
        assertThat(client.models().list().data()).singleElement().satisfies(model -> assertThat(model.id()).isEqualTo(TestServer.MODEL));
        assertThat(client.models().retrieve(TestServer.MODEL).ownedBy()).isEqualTo("xomni");
    }

    @Test
    void drawsImagesOfAPromptAndASeed() {
        ImageGenerateParams params = image("a red square").n(2).putAdditionalBodyProperty("seed", JsonValue.from(7)).build();
        ImagesResponse first = client.images().generate(params);
        ImagesResponse again = client.images().generate(params);
        List<Image> images = first.data().orElseThrow();
        assertThat(images).hasSize(2);
        Pixels pixels = decode(images.get(0).b64Json().orElseThrow());
        assertThat(pixels.width()).isEqualTo(64);
        assertThat(pixels.height()).isEqualTo(48);
        assertThat(images.get(1).b64Json()).isNotEqualTo(images.get(0).b64Json());
        assertThat(again.data().orElseThrow().get(0).b64Json()).isEqualTo(images.get(0).b64Json());
        assertThat(first.usage().orElseThrow().outputTokens()).isEqualTo(24);
    }

    @Test
    void linksWorkWithoutAKeyUntilTheyExpire() throws Exception {
        ImagesResponse response = client.images().generate(image("a").responseFormat(ImageGenerateParams.ResponseFormat.URL)
                .outputFormat(ImageGenerateParams.OutputFormat.JPEG).build());
        String url = response.data().orElseThrow().getFirst().url().orElseThrow();
        assertThat(url).startsWith(server.url("/v1/images/files/file_")).endsWith(".jpeg");
        HttpResponse<String> file = server.get(url.substring(server.url("").length()));
        assertThat(file.statusCode()).isEqualTo(200);
        assertThat(file.headers().firstValue("Content-Type")).contains("image/jpeg");
        assertThat(server.get("/v1/images/files/file_00000000000000000000000000000000.png").statusCode()).isEqualTo(404);
    }

    @Test
    void streamsAnImageWithPartialOnes() {
        List<String> partial = new ArrayList<>();
        List<String> completed = new ArrayList<>();
        ImageGenerateParams params = image("a blue square").partialImages(2).putAdditionalBodyProperty("seed", JsonValue.from(7)).build();
        try (StreamResponse<ImageGenStreamEvent> events = client.images().generateStreaming(params)) {
            events.stream().forEach(event -> {
                event.generationPartialImage().ifPresent(e -> partial.add(e.b64Json()));
                event.generationCompleted().ifPresent(e -> completed.add(e.b64Json()));
            });
        }
        assertThat(partial).isNotEmpty().hasSizeLessThanOrEqualTo(2);
        assertThat(decode(partial.getFirst()).width()).isEqualTo(64);
        assertThat(completed).hasSize(1);
        String whole = client.images().generate(image("a blue square").putAdditionalBodyProperty("seed", JsonValue.from(7)).build())
                .data().orElseThrow().getFirst().b64Json().orElseThrow();
        assertThat(completed.getFirst()).isEqualTo(whole);
    }

    @Test
    void talksAboutImages() {
        ChatCompletionCreateParams params = chat("What is it?", TestServer.dataUrl()).temperature(1).topP(0.9).seed(3).maxCompletionTokens(6).build();
        ChatCompletion completion = client.chat().completions().create(params);
        ChatCompletion.Choice choice = completion.choices().getFirst();
        assertThat(choice.message().content().orElseThrow()).isNotEmpty();
        assertThat(choice.finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.LENGTH);
        assertThat(completion.usage().orElseThrow().completionTokens()).isEqualTo(6);
        assertThat(completion.usage().orElseThrow().promptTokens()).isGreaterThan(36);
        assertThat(client.chat().completions().create(params).choices().getFirst().message().content()).isEqualTo(choice.message().content());

        StringBuilder streamed = new StringBuilder();
        List<Long> usage = new ArrayList<>();
        ChatCompletionCreateParams streaming =
                params.toBuilder().streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build()).build();
        try (StreamResponse<ChatCompletionChunk> chunks = client.chat().completions().createStreaming(streaming)) {
            chunks.stream().forEach(chunk -> {
                chunk.choices().forEach(c -> c.delta().content().ifPresent(streamed::append));
                chunk.usage().ifPresent(u -> usage.add(u.completionTokens()));
            });
        }
        assertThat(streamed.toString()).isEqualTo(choice.message().content().orElseThrow());
        assertThat(usage).containsExactly(6L);
    }

    @Test
    void aDrawnTurnIsAskedAboutLaterByItsContent() {
        ChatCompletionCreateParams draw = ChatCompletionCreateParams.builder().model(TestServer.MODEL).addUserMessage("a red square")
                .seed(5).putAdditionalBodyProperty("xomni_draw", JsonValue.from(Map.of("size", "48x32"))).build();
        ChatCompletion drawn = client.chat().completions().create(draw);
        var message = drawn.choices().getFirst().message();
        assertThat(message.content().orElseThrow()).contains("xomni-image:img_");
        @SuppressWarnings("unchecked")
        Map<String, Object> image = Objects.requireNonNull(message._additionalProperties().get("xomni_image")).convert(Map.class);
        assertThat(decode((String) Objects.requireNonNull(image.get("b64_json"))).width()).isEqualTo(48);
        assertThat(drawn.usage().orElseThrow().completionTokens()).isEqualTo(6);

        ChatCompletionCreateParams ask = ChatCompletionCreateParams.builder().model(TestServer.MODEL).addUserMessage("a red square")
                .addMessage(message).addUserMessage("What did you draw?").maxCompletionTokens(4).build();
        ChatCompletion about = client.chat().completions().create(ask);
        // Its six tokens are in the prompt, with their header; the text that stands for it is not.
        long without = client.chat().completions().create(ChatCompletionCreateParams.builder().model(TestServer.MODEL).addUserMessage("a red square")
                .addAssistantMessage("").addUserMessage("What did you draw?").maxCompletionTokens(4).build()).usage().orElseThrow().promptTokens();
        assertThat(about.usage().orElseThrow().promptTokens() - without).isEqualTo(6 + 5 + 1);
    }

    @Test
    void errorsHaveTheirTypeAndFields() {
        assertThatThrownBy(() -> client.images().generate(image("a").size(ImageGenerateParams.Size.of("huge")).build()))
                .isInstanceOfSatisfying(BadRequestException.class, e -> assertThat(e.param()).contains("size"))
                .hasMessageContaining("WIDTHxHEIGHT");
        assertThatThrownBy(() -> client.images().generate(image("a").size(ImageGenerateParams.Size.of("65x48")).build()))
                .isInstanceOf(BadRequestException.class).hasMessageContaining("multiple of 16");
        assertThatThrownBy(() -> client.images().generate(image("a").model("dall-e-9").build()))
                .isInstanceOfSatisfying(NotFoundException.class, e -> assertThat(e.code()).contains("model_not_found"));
        assertThatThrownBy(() -> client.chat().completions().create(chat("?", "https://example.org/cat.png").build()))
                .isInstanceOf(BadRequestException.class).hasMessageContaining("fetches nothing");
        OpenAIClient stranger = client("not-the-key");
        assertThatThrownBy(() -> stranger.models().list()).isInstanceOf(UnauthorizedException.class).hasMessageContaining("API key");
        stranger.close();
        ChatCompletionCreateParams tooLong = chat("long ".repeat(6000), TestServer.dataUrl()).build();
        assertThatThrownBy(() -> client.chat().completions().create(tooLong)).isInstanceOf(BadRequestException.class);
        assertThatThrownBy(() -> {
            try (var chunks = client.chat().completions().createStreaming(tooLong)) {
                assertThat(chunks.stream().count()).isZero();
            }
        }).isInstanceOf(BadRequestException.class);
    }

    private static ImageGenerateParams.Builder image(String prompt) {
        return ImageGenerateParams.builder().prompt(prompt).model(TestServer.MODEL).size(ImageGenerateParams.Size.of("64x48"));
    }

    private static ChatCompletionCreateParams.Builder chat(String text, String url) {
        return ChatCompletionCreateParams.builder().model(TestServer.MODEL).addUserMessageOfArrayOfContentParts(List.of(
                ChatCompletionContentPart.ofImageUrl(ChatCompletionContentPartImage.builder()
                        .imageUrl(ChatCompletionContentPartImage.ImageUrl.builder().url(url).build()).build()),
                ChatCompletionContentPart.ofText(ChatCompletionContentPartText.builder().text(text).build())));
    }

    private static Pixels decode(String base64) {
        return ImageFiles.decode(Base64.getDecoder().decode(base64), "image");
    }
}
