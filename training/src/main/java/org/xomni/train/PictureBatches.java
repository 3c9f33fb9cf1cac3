package org.xomni.train;

import java.util.ArrayList;
import java.util.List;
import org.xomni.data.BucketBatcher;
import org.xomni.data.Picture;
import org.xomni.data.SampleSource;
import org.xomni.data.SampleStream;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;

/** The batches of a stage that learns from pictures of one size, and where they stand, as text for a checkpoint. */
final class PictureBatches implements AutoCloseable {
    private final SampleSource source;
    private final int size;
    private final int threads;
    private BucketBatcher.State position = BucketBatcher.State.START;
    private BucketBatcher batcher;

    /**
     * @param source closed with this
     * @param size pictures in a batch
     * @param threads that make samples
     */
    PictureBatches(SampleSource source, int size, int threads) {
        this.source = source;
        this.size = size;
        this.threads = threads;
        this.batcher = new BucketBatcher(source, position, size, threads);
    }

    BucketBatcher.Batch next() {
        BucketBatcher.Batch batch = batcher.next();
        position = batch.after();
        return batch;
    }

    /** How much of a full batch this is: few pictures of a rare size weigh as much as they are. */
    double share(BucketBatcher.Batch batch) {
        return (double) batch.samples().size() / size;
    }

    /** The first batch of the source, of another size, without moving on; for sheets, which show the same pictures every time. */
    BucketBatcher.Batch first(int pictures) {
        try (BucketBatcher other = new BucketBatcher(source, BucketBatcher.State.START, pictures, threads)) {
            return other.next();
        }
    }

    /** The first picture of each sample of a batch. */
    static List<Pixels> pixels(BucketBatcher.Batch batch) {
        List<Pixels> pictures = new ArrayList<>();
        for (Picture picture : batch.pictures()) {
            if (!(picture instanceof Picture.Raw(Pixels pixels))) {
                throw new InputException("this stage learns from pictures, not from tokens; name a source of pictures in the recipe");
            }
            pictures.add(pixels);
        }
        return pictures;
    }

    /** The samples that could not be used. */
    SampleStream.Skipped skipped() {
        return batcher.skipped();
    }

    /** To be handed to {@link #resume}. */
    String position() {
        return Json.mapper().writeValueAsString(position);
    }

    void resume(String json) {
        batcher.close();
        position = Json.mapper().readValue(json, BucketBatcher.State.class);
        batcher = new BucketBatcher(source, position, size, threads);
    }

    @Override
    public void close() {
        batcher.close();
        source.close();
    }
}
