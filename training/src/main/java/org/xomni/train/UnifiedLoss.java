package org.xomni.train;

// Shapes: B rows, L length, D width, N supervised positions.

import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.autoregressive.Head;
import org.xomni.autoregressive.UnifiedModel;

/**
 * The unified model's loss: the mean negative log-likelihood of supervised ids, each scored by the head of its kind: text ids by the text head over
 * the text vocabulary, image tokens by the image head over the codes.
 *
 * @param text summed over text targets; scalar
 * @param image summed over image targets; scalar
 * @param textTargets how many
 * @param imageTargets how many
 * @param imageHits image targets that have the largest score
 */
record UnifiedLoss(Tensor text, Tensor image, long textTargets, long imageTargets, Tensor imageHits) {

    /**
     * @param hidden_BLD final hidden states
     * @param targets_BL int64, the id that follows each position
     * @param supervised_BL bool, which of them count; ids that are neither text nor an image token never do
     */
    static UnifiedLoss of(UnifiedModel model, Tensor hidden_BLD, Tensor targets_BL, Tensor supervised_BL) {
        long vocabulary = model.config().vocabSize();
        Tensor targets = targets_BL.reshape(-1);
        Tensor counts = supervised_BL.reshape(-1);
        Tensor hidden_ND = hidden_BLD.reshape(targets.size(0), hidden_BLD.size(2));
        Tensor isText = counts.logical_and(targets.lt(new Scalar(vocabulary)));
        Tensor isImage = counts.logical_and(targets.ge(new Scalar(vocabulary)))
                .logical_and(targets.lt(new Scalar(vocabulary + model.config().imageVocabSize())));
        Tensor textRows = isText.nonzero().reshape(-1);
        Tensor imageRows = isImage.nonzero().reshape(-1);
        Tensor textScores = scores(model, hidden_ND, textRows, Head.TEXT);
        Tensor imageScores = scores(model, hidden_ND, imageRows, Head.IMAGE);
        Tensor imageTargets = targets.index_select(0, imageRows).sub(new Scalar(vocabulary));
        return new UnifiedLoss(
                negativeLogLikelihood(textScores, targets.index_select(0, textRows)),
                negativeLogLikelihood(imageScores, imageTargets),
                textRows.size(0),
                imageRows.size(0),
                imageScores.detach().argmax(new LongOptional(1), false).eq(imageTargets).sum());
    }

    private static Tensor scores(UnifiedModel model, Tensor hidden_ND, Tensor rows, Head head) {
        return model.logits(hidden_ND.index_select(0, rows), head).to(ScalarType.Float);
    }

    private static Tensor negativeLogLikelihood(Tensor scores_NV, Tensor targets_N) {
        Tensor likelihood = scores_NV.log_softmax(1).gather(1, targets_N.unsqueeze(1));
        return likelihood.sum().neg();
    }

    /** The mean over all targets of both kinds. */
    Tensor mean() {
        return text.add(image).div(new Scalar((double) Math.max(1, textTargets + imageTargets)));
    }
}
