"""The report in English."""

WORDS = {
    "title": "{name}: does it write like you?",
    "live": (
        "Training in progress. This page was written at {time}; it is rewritten every {every} seconds and reloads every {reload}. If that "
        "is more than {minutes} minutes ago, the training was killed or the machine went down: run the same command again to resume."
    ),
    "at_work": (
        "Stage {stage} in progress; this command started it at {start}. This page is rewritten when it ends and shows what was measured "
        "before. If the command is no longer running, run it again to resume."
    ),
    "measuring": (
        "Training has ended; the trained model is being measured. This command started stage {stage} at {start}. This page is rewritten "
        "when the stage ends. If the command is no longer running, run it again to resume."
    ),
    "ended": "Stage {stage} ended at {time} with the error below. What was finished is kept; the same command continues from there.",
    "ended_worse": (
        "Stage {stage} ended at {time} with the error below. The model became worse than the untrained one, so no checkpoint was chosen. "
        "Change training.learning_rate; the next run then starts from the base model."
    ),
    "interval": "{estimate} ({confidence} interval: {low} to {high})",
    "no_interval": "{estimate} (too few for an interval)",
    "real": "you",
    "floor": "you, earlier",
    "base": "base model",
    "examples": "base, shown tweets",
    "examples_talk": "base, told and shown",
    "tuned": "your model",
    "validation": "validation",
    "test": "test",
    "train": "train",
    "mini-train": "mini-train",
    "yes": "passed",
    "no": "failed",
    "unmade": "not made",
    "b_prompt": "the base model with the same prompt",
    "b_raw": "the base model with raw text",
    "b_examples": "the base model shown {count} of your tweets",
    "b_told": "the base model told in words to write like you",
    "b_told_examples": "the base model told in words and shown {count} of your answers",
    "b_ngram": "a letter n-gram model of your tweets",
    "v_like_not_yet": "Does it write like you? Not measured yet.",
    "v_like_yes": "Yes: it writes more like you than {best}.",
    "v_like_same": "It learned some of your style, but writes no more like you than {best}.",
    "v_like_unsure": "It learned some of your style; there are too few tweets to tell whether it writes more like you than {best}.",
    "v_like_less": "It learned some of your style, but {best} does better.",
    "v_like_worse": "No: it writes less like you than the untrained model, so training did harm.",
    "v_like_nothing": "It learned nothing measurable about your style.",
    "v_like_cannot": "There are too few tweets to tell whether it learned your style.",
    "v_like_try": "A longer training or a higher learning rate may help.",
    "f_over": "On {tweets} of your tweets that it never saw, it is better by {over} bits per byte.",
    "f_difference": (
        "On {tweets} of your tweets that it never saw, the difference is {over} bits per byte; less than {smallest} cannot be noticed."
    ),
    "f_best": "On the same tweets, {best} is better than your model by {over}.",
    "f_gain": "The gain over the untrained model is {gain}.",
    "f_small": (
        "On {tweets} of your tweets that it never saw, the gain over the untrained model is {gain} bits per byte; less than {smallest} "
        "cannot be noticed."
    ),
    "f_worse": "On {tweets} of your tweets that it never saw, your model is worse by {over} bits per byte.",
    "v_gap_more": "The tweets it writes are {gap} of the way from the untrained model's to yours.",
    "v_gap_none": "The tweets it writes are no closer to yours than the untrained model's: {gap} of the way.",
    "v_gap_less": "The tweets it writes are further from yours than the untrained model's: {gap} of the way.",
    "v_gap_unknown": (
        "{samples} written tweets are too few to tell whether they are closer to yours than the untrained model's: {gap} of the way."
    ),
    "v_given": "Each tweet was scored after the message that it answers, which a model wrote for it.",
    "v_sense_less": "By likelihood, sense was lost: it matches answers to messages less well than the untrained model.",
    "v_sense_more": "By likelihood, sense was gained: it matches answers to messages better than the untrained model.",
    "v_sense_none": "By likelihood, no sense was lost: it matches answers to messages as well as the untrained model.",
    "v_sense_unknown": (
        "By likelihood, there are too few tweets to tell whether it matches answers to messages as well as the untrained model."
    ),
    "f_sense": "Of five messages it finds the one that you answered in {tuned} of cases, against {base}; chance is {chance}.",
    "v_words_lost": (
        "Sense was lost, by the words that come back: a word of the message stands in {tuned} of its answers, against {base} of the "
        "untrained model's, a difference of {difference}."
    ),
    "v_words_gained": (
        "Sense was gained, by the words that come back: a word of the message stands in {tuned} of its answers, against {base} of the "
        "untrained model's, a difference of {difference}."
    ),
    "v_deaf": "That it takes the message into account at all is not shown.",
    "v_copy_not_yet": "Does it write new tweets or recite old ones? Not measured yet.",
    "v_copy_cannot": "New tweets or recited ones? There are too few written tweets to tell.",
    "v_copy_yes": "It recites your old tweets.",
    "v_copy_no": "It writes new tweets and does not recite old ones.",
    "f_copy": (
        "Of its {samples} tweets, {generated} contain a long passage of an old tweet of yours, against {held_out} of your own new ones, "
        "a difference of {excess}."
    ),
    "v_repeats_itself": "It repeats itself: its word pairs are {ratio} times as varied as yours.",
    "v_stop_not_yet": "When should training have stopped? There are too few validations to tell.",
    "f_stop_not_yet": "There are {count}, and it takes 2.",
    "v_stop_over": "Training went on too long.",
    "f_stop_over": (
        "Validation was best at step {step}, epoch {epoch}, with {best} bits per byte, and rose to {last} after it; the model of "
        "step {step} was kept."
    ),
    "v_stop_late": "Training could have stopped earlier.",
    "f_stop_late": "Validation was best at step {step}, epoch {epoch}, with {best} bits per byte; what came after changed little ({last}).",
    "v_stop_end": "Training did not stop too late.",
    "f_stop_end": (
        "The last validation, at step {step}, epoch {epoch}, was the best, with {best} bits per byte; longer training may still help."
    ),
    "v_stop_never": "Training never made it measurably better on the validation tweets.",
    "f_stop_never": (
        "The untrained model has {untrained} bits per byte there; the best after training, at step {step}, epoch {epoch}, has {best}."
    ),
    "v_stop_flat": "Training changed nothing measurable on the validation tweets.",
    "f_stop_flat": "The best validation, at step {step}, epoch {epoch}, has {best} bits per byte, and the last has {last}.",
    "v_stop_so_far": "When should training stop? It has not ended yet.",
    "f_stop_so_far": "The best so far is step {step}, epoch {epoch}, with {best} bits per byte; the last validation has {last}.",
    "v_stop_worse": "Training was stopped: it made the model worse than the untrained one.",
    "f_stop_worse": (
        "The untrained model has {untrained} bits per byte on the validation tweets; the last validation, at step {last_step}, has {last}. "
        "Nothing was kept. Change training.learning_rate; the next run then starts from the base model."
    ),
    "v_stop_not_better_yet": "The training has not yet made the model better.",
    "f_stop_not_better_yet": (
        "The untrained model has {untrained} bits per byte on the validation tweets; the lowest since, at step {step}, is {best}."
    ),
    "w_summary": "How it wrote while it learned, at each of {count} validations",
    "w_step": "Step {step}, epoch {epoch}: {copied} of them copy",
    "v_takes_off": "Copying takes off at epoch {epoch}.",
    "v_no_interval": "These are single measurements on the validation tweets, without an interval.",
    "h_curves": "How the training went",
    "h_likelihood": "Predicting your unseen tweets",
    "h_style": "Style habits",
    "h_conversation": "In conversation",
    "h_samples": "The same prompt, side by side",
    "h_samples_talk": "The same message, side by side",
    "h_copying": "Copying",
    "h_data": "From the archive to the training tweets",
    "h_plan": "The plan and what happened",
    "h_output": "TrainOutput in words",
    "h_gate": "Is the exported file what was trained?",
    "h_making": "Reproduce this run",
    "missing": "This part is not there yet: {file} is missing or holds nothing of it.",
    "c_loss": "Training loss (nats per token)",
    "c_bits": "Validation (bits per byte)",
    "c_learning_rate": "Learning rate",
    "c_grad_norm": "Gradient norm",
    "c_tokens_per_second": "Tokens per second",
    "c_memory": "Memory (GiB)",
    "c_copied": "Share of sampled tweets with a copied passage",
    "c_alt": (
        "{name}: from {first} at step {from_step} to {last} at step {to_step}; lowest {lowest} at step {low_step}, highest "
        "{highest} at step {high_step}."
    ),
    "c_chosen": "Checkpoint kept: step {step}",
    "c_chosen_no_better": "Checkpoint kept: step {step}; it is no better than the untrained model",
    "c_step": "step",
    "c_kept": "kept: {value}",
    "c_table": "Every validation, in figures",
    "curves_say": (
        "Lower is better in the first two. Only the second is of tweets that the model does not learn from: where it rises while "
        "the loss still falls, the model learns by heart. Step 0 is the untrained model."
    ),
    "curves_kept": "The dashed vertical line is the checkpoint that was kept: the one with the fewest bits per byte after step 0.",
    "copy_start": "The share of copying stayed about where it began.",
    "l_say": (
        "How many bits each byte of a new tweet costs the model: the fewer, the better it predicts you. The prompt names "
        "no topic, for a topic is taken from the tweet and gives some of it away."
    ),
    "l_say_talk": (
        "How many bits each byte of a new tweet costs the model: the fewer, the better it predicts you. Before each tweet "
        "stands the message that it answers. A model wrote that message from the tweet, so that it gives some of the tweet away, "
        "to every model alike."
    ),
    "l_say_begin": (
        "How many bits each byte of a new tweet costs the model: the fewer, the better it predicts you. The prompt holds "
        "none of the tweet's first words, for they are a piece of it."
    ),
    "l_who": "Model",
    "l_bits": "bits per byte",
    "l_epoch": "epoch",
    "l_loss": "loss (nats per token)",
    "l_perplexity": "perplexity",
    "l_perplexity_say": (
        "Perplexity counts per token, so compare it only between models with the same tokenizer; bits per byte compare any."
    ),
    "l_gain": "Gain over the untrained model: {gain}.",
    "l_best": "Gain over the best of the others ({best}): {gain}.",
    "l_topic": "With the topic in the prompt: base {base}, your model {tuned}.",
    "l_topic_begin": "With the tweet's first words in the prompt, where they come again: base {base}, your model {tuned}.",
    "l_split": "{split}: {tweets} tweets of {clusters} days",
    "l_few": "With fewer than 30 days the interval may be too narrow.",
    "l_special": (
        "Gain on your tweets {author}; on {tweets} tweets of other people ({source}) {others}; the difference, {difference} bits per byte, "
        "is what it learned of you and not of tweets in general."
    ),
    "l_special_talk": (
        "After a message drawn by lot, which they do not answer: gain on your tweets {author}; on {tweets} tweets of other people "
        "({source}) {others}; the difference, {difference} bits per byte, is what it learned of you and not of tweets in general."
    ),
    "l_neutral": "neutral lines that come with the program",
    "l_other_times": "of other or unknown times",
    "s_say": (
        "{samples} tweets by each model on the topics of your own unseen tweets. A classifier was asked to tell them from real "
        "ones: 0.5 means that it cannot, 1 that it always can. Your earlier tweets beside it show how far your own style drifts."
    ),
    "s_say_talk": (
        "{samples} answers by each model to the messages of your own unseen tweets. A classifier was asked to tell them from real "
        "ones: 0.5 means that it cannot, 1 that it always can. Your earlier tweets beside it show how far your own style drifts."
    ),
    "s_say_begin": (
        "{samples} tweets by each model, begun with the first words of your own unseen tweets. A classifier was asked to tell them from "
        "real ones: 0.5 means that it cannot, 1 that it always can. Your earlier tweets beside it show how far your own style drifts."
    ),
    "s_gguf": "The tweets of your model were written by the exported file, in llama.cpp: what really runs.",
    "s_who": "Whose tweets",
    "s_auc": "how easily told apart",
    "s_accuracy": "correctly sorted",
    "s_gap": "gap closed",
    "s_habits": "Habits found in your archive",
    "s_habit": "Habit",
    "s_diversity": "Variety",
    "s_distinct": "word pairs, 1 as varied as yours",
    "s_length": "median length",
    "s_deciles": "Lengths in characters, from the shortest tenth to the longest",
    "s_obedience": "Does it speak of what was asked?",
    "s_obedience_begin": "Does it take up what was begun?",
    "s_asked": "Asked by",
    "s_chance": "by chance",
    "s_difference": "difference",
    "o_key words": "key words",
    "o_key words_begin": "first words",
    "o_questions": "whole questions",
    "s_empty": "Empty answers of your model: {share}.",
    "not_measured": "not measured",
    "p_topic": "About: {topic}",
    "p_topic_talk": "“{topic}”",
    "p_topic_begin": "Begun with: {topic}",
    "p_free": "Without a topic",
    "p_free_begin": "Without first words",
    "p_more": "{count} more",
    "q_say": (
        "Training is worth it where it does better than the strongest that can be had without: the same instruct model, told in words "
        "to write like you and shown your answers. Style may be gained and sense lost; both are measured here."
    ),
    "q_over": "Your model against",
    "q_gain": "gain on the test tweets (bits per byte)",
    "q_told": "The base model was told in these words; {count} of your messages and answers, where any fit, stood behind them as turns.",
    "q_words": "Told",
    "q_sense": "Does it answer what was said?",
    "q_measure": "Measured by",
    "q_told_apart": "your answer is likeliest after its own of five messages",
    "q_word": "a word of the message comes back in what it writes",
    "q_trials": (
        "On {tweets} test tweets, each after its own message and after four others drawn by lot. Mean of 1 over the place of the right "
        "one (0.46 by chance): base {base}, your model {tuned}."
    ),
    "q_own": "In your own answers a word of the message comes back in {share}.",
    "q_openings": "Twenty openings of two messages: the second is said to whatever was answered",
    "k_say": (
        "Share of tweets with a passage of 50 characters or 8 words in a row of one training tweet: written by your model "
        "{generated}; your own unseen tweets {held_out}; the difference {excess}."
    ),
    "k_worst": "The longest copies, with what they were copied from",
    "k_none": "Not one was found.",
    "k_written": "Written ({characters} characters copied)",
    "k_source": "Your tweet",
    "d_chart": "From the tweets read to the tweets kept",
    "d_read": "read",
    "d_kept": "kept",
    "d_splits": "Kept tweets by part",
    "d_period": "From {first} to {last}.",
    "d_rule": "dropped: {rule}",
    "d_messages": "The messages that the tweets answer",
    "d_messages_say": "Of the kept tweets only those with a message train and are scored.",
    "d_trained": "Trained on as answers: {tweets} tweets, in {conversations} conversations.",
    "d_not_these": (
        "How many messages were found is not known: playback.json is missing, or playback has written other messages since the training."
    ),
    "d_tweets": "Kept tweets",
    "d_unknown_parent": "replies to somebody whose words are unknown: none was sought",
    "d_left_out": "beyond the sample: none was sought",
    "d_asked": "a message was sought",
    "d_usable": "with a message",
    "d_question": "– a question",
    "d_remark": "– a remark",
    "d_request": "– a request",
    "d_given_up": "without a message: every attempt was rejected",
    "d_rejected": "Rejected messages, every attempt counted",
    "d_written": "The messages were written by {model}.",
    "a_what": "What",
    "a_plan": "planned",
    "a_did": "happened",
    "a_steps": "steps",
    "a_epochs": "epochs",
    "a_time": "time of training (planned: as the first ten steps went)",
    "a_memory": "highest memory (planned: as the probe took of the card)",
    "a_speed": "tokens a second (planned: as the probe went, of full packs)",
    "a_probe": "memory in the probe (planned: by formula)",
    "a_tokens": "tokens learned from",
    "a_adapted": (
        "{tweets} tweets with the recipe's settings make {packs} packs and {steps} steps. Adapted to {used_packs} packs and {used_steps} "
        "steps, {warmup} of them warm-up: {changes}."
    ),
    "a_early": "It ended before its plan: validation had stopped getting better.",
    "a_unknown": "not recorded",
    "t_figure": "Figure",
    "t_value": "Value",
    "t_says": "What it says",
    "g_check": "Check",
    "g_file": "File",
    "g_verdict": "Verdict",
    "g_figures": "Figures (limits)",
    "m_say": "The same recipe, versions, seeds and inputs give the same run.",
    "m_recipe": "Recipe",
    "m_versions": "Versions",
    "m_seeds": "Seeds",
    "m_digests": "Digests (SHA-256) of what went in and what came out",
    "m_name": "Name",
    "m_value": "Value",
    "minutes": "{minutes} min {seconds} s",
    "hours": "{hours} h {minutes} min",
    "t_global_step": "how many times the weights were changed",
    "t_train_loss": "mean loss of all steps, nats a token; lower is better, and of little worth alone",
    "t_train_runtime": "seconds of training and validation",
    "t_train_samples_per_second": "tweets learned from in a second",
    "t_train_steps_per_second": "changes of the weights in a second",
    "t_train_tokens_per_second": "tokens of prompts and tweets in a second of training",
    "t_num_input_tokens_seen": "tokens of prompts and tweets, over all epochs",
    "t_total_flos": "floating-point operations, estimated",
    "t_epoch": "passes through the training tweets",
    "t_best_global_step": "the step whose weights were kept",
    "t_eval_bits_per_byte": "bits that a byte of an unseen tweet costs the model that was kept",
    "t_eval_loss": "mean loss on the validation tweets, nats a token",
}

REJECTED = {
    "empty": "empty",
    "too long": "too long",
    "refusal": "a refusal",
    "echo of the instruction": "an echo of the instruction to the model",
    "echo of an example": "an echo of an example shown to the model",
    "copies the tweet": "copies the tweet",
    "other kind": "of another kind than asked for",
    "other language": "in another language than the tweet",
    "near-duplicate": "too like others",
}
"""Why playback does not use a message."""
