package org.xomni.train;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.image.ContactSheet;
import org.xomni.image.Pixels;
import org.xomni.image.PngWriter;
import org.xomni.tensor.Tensors;

/** Between pictures and tensors, as training sees them: [1, 3, Y, X], -1..1, fp32. */
final class Pictures {
    private static final int COLUMNS = 8;

    private Pictures() {}

    /** A picture as a tensor [1, 3, Y, X]. */
    static Tensor normalized(Pixels picture) {
        Tensor bytes = Tensors.of(picture.rgb(), 1, picture.height(), picture.width(), 3);
        return bytes.to(ScalarType.Float).div_(new Scalar(127.5f)).sub_(new Scalar(1f)).permute(0, 3, 1, 2).contiguous();
    }

    /** Pictures of one size as a tensor [B, 3, Y, X]. */
    static Tensor batch(List<Pixels> pictures) {
        TensorVector tensors = new TensorVector();
        pictures.forEach(p -> tensors.push_back(normalized(p)));
        return torch.cat(tensors, 0);
    }

    /** A tensor [1, 3, Y, X] as a picture; values beyond -1..1 are cut off. */
    static Pixels pixels(Tensor x_13YX) {
        Tensor bytes = x_13YX.squeeze(0)
                .to(ScalarType.Float)
                .add(new Scalar(1))
                .mul(new Scalar(127.5))
                .round()
                .clamp(new ScalarOptional(new Scalar(0.0)), new ScalarOptional(new Scalar(255.0)))
                .to(ScalarType.Byte)
                .permute(1, 2, 0)
                .cpu()
                .contiguous();
        return new Pixels((int) bytes.size(0), (int) bytes.size(1), Tensors.segment(bytes).toArray(ValueLayout.JAVA_BYTE));
    }

    /** Writes originals, each beside what became of it; made [B, 3, Y, X]. */
    static void pairs(Path file, List<Pixels> originals, Tensor made_B3YX) {
        List<Pixels> tiles = new ArrayList<>();
        for (int i = 0; i < originals.size(); i++) {
            tiles.add(originals.get(i));
            tiles.add(pixels(made_B3YX.narrow(0, i, 1)));
        }
        sheet(file, tiles);
    }

    /** Writes pictures row by row. */
    static void sheet(Path file, List<Pixels> tiles) {
        PngWriter.write(file, ContactSheet.of(tiles, COLUMNS), Map.of());
    }
}
