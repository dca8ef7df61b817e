"""The report in French."""

WORDS = {
    "title": "{name} : écrit-il comme vous ?",
    "live": (
        "Entraînement en cours. Cette page a été écrite à {time} ; elle est réécrite toutes les {every} secondes et se recharge toutes "
        "les {reload}. Si cela fait plus de {minutes} minutes, l’entraînement a été tué ou la machine s’est arrêtée : relancez la même "
        "commande pour reprendre."
    ),
    "at_work": (
        "Étape {stage} en cours ; cette commande l’a commencée à {start}. Cette page est réécrite à la fin de l’étape et montre ce qui a "
        "été mesuré avant. Si la commande ne tourne plus, relancez-la pour reprendre."
    ),
    "measuring": (
        "L’entraînement est terminé ; le modèle entraîné est en cours de mesure. Cette commande a commencé l’étape {stage} à {start}. "
        "Cette page est réécrite à la fin de l’étape. Si la commande ne tourne plus, relancez-la pour reprendre."
    ),
    "ended": (
        "L’étape {stage} s’est terminée à {time} avec l’erreur ci-dessous. Ce qui était achevé est gardé ; la même commande continue à "
        "partir de là."
    ),
    "ended_worse": (
        "L’étape {stage} s’est terminée à {time} avec l’erreur ci-dessous. Le modèle est devenu moins bon que le modèle non entraîné : "
        "aucun point de contrôle n’a été choisi. Changez training.learning_rate ; l’exécution suivante repart alors du modèle de base."
    ),
    "interval": "{estimate} (intervalle à {confidence} : de {low} à {high})",
    "no_interval": "{estimate} (trop peu de données pour un intervalle)",
    "real": "vous",
    "floor": "vous, plus tôt",
    "base": "modèle de base",
    "examples": "base, avec vos tweets",
    "examples_talk": "base, informé de vous",
    "tuned": "votre modèle",
    "validation": "validation",
    "test": "test",
    "train": "entraînement",
    "mini-train": "mini-entraînement",
    "yes": "réussi",
    "no": "échoué",
    "unmade": "non fait",
    "b_prompt": "le modèle de base avec la même consigne",
    "b_raw": "le modèle de base sur le texte brut",
    "b_examples": "le modèle de base à qui l’on montre {count} de vos tweets",
    "b_told": "le modèle de base à qui l’on dit d’écrire comme vous",
    "b_told_examples": "le modèle de base à qui l’on dit d’écrire comme vous en lui montrant {count} de vos réponses",
    "b_ngram": "un modèle de n-grammes de lettres de vos tweets",
    "v_like_not_yet": "Écrit-il comme vous ? Pas encore mesuré.",
    "v_like_yes": "Oui : il écrit plus comme vous que {best}.",
    "v_like_same": "Il a appris une part de votre style, mais n’écrit pas plus comme vous que {best}.",
    "v_like_unsure": "Il a appris une part de votre style ; il y a trop peu de tweets pour dire s’il écrit plus comme vous que {best}.",
    "v_like_less": "Il a appris une part de votre style, mais {best} fait mieux.",
    "v_like_worse": "Non : il écrit moins comme vous que le modèle non entraîné ; l’entraînement a donc nui.",
    "v_like_nothing": "Il n’a rien appris de mesurable de votre style.",
    "v_like_cannot": "Il y a trop peu de tweets pour dire s’il a appris votre style.",
    "v_like_try": "Un entraînement plus long ou un taux d’apprentissage plus élevé peut aider.",
    "f_over": "Sur {tweets} de vos tweets qu’il n’a jamais vus, il fait mieux de {over} bit par octet.",
    "f_difference": (
        "Sur {tweets} de vos tweets qu’il n’a jamais vus, l’écart est de {over} bit par octet ; moins de {smallest} ne se remarque pas."
    ),
    "f_best": "Sur les mêmes tweets, {best} fait mieux que votre modèle de {over}.",
    "f_gain": "Le gain sur le modèle non entraîné est de {gain}.",
    "f_small": (
        "Sur {tweets} de vos tweets qu’il n’a jamais vus, le gain sur le modèle non entraîné est de {gain} bit par octet ; moins de "
        "{smallest} ne se remarque pas."
    ),
    "f_worse": "Sur {tweets} de vos tweets qu’il n’a jamais vus, votre modèle fait pire de {over} bit par octet.",
    "v_gap_more": "Les tweets qu’il écrit sont à {gap} du chemin qui mène de ceux du modèle non entraîné aux vôtres.",
    "v_gap_none": "Les tweets qu’il écrit ne sont pas plus proches des vôtres que ceux du modèle non entraîné : {gap} du chemin.",
    "v_gap_less": "Les tweets qu’il écrit sont plus loin des vôtres que ceux du modèle non entraîné : {gap} du chemin.",
    "v_gap_unknown": (
        "{samples} tweets écrits sont trop peu pour dire s’ils sont plus proches des vôtres que ceux du modèle non entraîné : {gap} du "
        "chemin."
    ),
    "v_given": "Chaque tweet a été évalué après le message auquel il répond, qu’un modèle a écrit pour lui.",
    "v_sense_less": (
        "D’après la vraisemblance, du sens s’est perdu : il associe les réponses aux messages moins bien que le modèle non entraîné."
    ),
    "v_sense_more": (
        "D’après la vraisemblance, du sens s’est gagné : il associe les réponses aux messages mieux que le modèle non entraîné."
    ),
    "v_sense_none": (
        "D’après la vraisemblance, aucun sens ne s’est perdu : il associe les réponses aux messages aussi bien que le modèle non entraîné."
    ),
    "v_sense_unknown": (
        "D’après la vraisemblance, il y a trop peu de tweets pour dire s’il associe les réponses aux messages aussi bien que le modèle "
        "non entraîné."
    ),
    "f_sense": (
        "De cinq messages, il trouve celui auquel vous avez répondu dans {tuned} des cas, contre {base} ; le hasard donne {chance}."
    ),
    "v_words_lost": (
        "Du sens s’est perdu, d’après les mots qui reviennent : un mot du message figure dans {tuned} de ses réponses, contre {base} "
        "pour le modèle non entraîné, soit un écart de {difference}."
    ),
    "v_words_gained": (
        "Du sens s’est gagné, d’après les mots qui reviennent : un mot du message figure dans {tuned} de ses réponses, contre {base} "
        "pour le modèle non entraîné, soit un écart de {difference}."
    ),
    "v_deaf": "Qu’il tienne compte du message n’est pas démontré.",
    "v_copy_not_yet": "Écrit-il de nouveaux tweets ou récite-t-il les anciens ? Pas encore mesuré.",
    "v_copy_cannot": "Nouveaux tweets ou récités ? Il y a trop peu de tweets écrits pour le dire.",
    "v_copy_yes": "Il récite vos anciens tweets.",
    "v_copy_no": "Il écrit de nouveaux tweets et ne récite pas les anciens.",
    "f_copy": (
        "De ses {samples} tweets, {generated} contiennent un long passage d’un de vos anciens tweets, contre {held_out} de vos propres "
        "tweets récents, soit un écart de {excess}."
    ),
    "v_repeats_itself": "Il se répète : ses paires de mots sont {ratio} fois aussi variées que les vôtres.",
    "v_stop_not_yet": "Quand fallait-il arrêter l’entraînement ? Il y a trop peu de validations pour le dire.",
    "f_stop_not_yet": "Il y en a {count}, il en faut 2.",
    "v_stop_over": "L’entraînement a duré trop longtemps.",
    "f_stop_over": (
        "La meilleure validation est celle du pas {step}, époque {epoch}, avec {best} bits par octet ; elle est ensuite remontée à {last}, "
        "et le modèle du pas {step} a été gardé."
    ),
    "v_stop_late": "L’entraînement pouvait s’arrêter plus tôt.",
    "f_stop_late": (
        "La meilleure validation est celle du pas {step}, époque {epoch}, avec {best} bits par octet ; la suite n’a presque rien changé "
        "({last})."
    ),
    "v_stop_end": "L’entraînement ne s’est pas arrêté trop tard.",
    "f_stop_end": (
        "La dernière validation, au pas {step}, époque {epoch}, est la meilleure, avec {best} bits par octet ; un entraînement plus long "
        "pourrait encore aider."
    ),
    "v_stop_never": "L’entraînement ne l’a jamais rendu mesurablement meilleur sur les tweets de validation.",
    "f_stop_never": (
        "Le modèle non entraîné y a {untrained} bits par octet ; la meilleure validation ensuite, au pas {step}, époque {epoch}, en a "
        "{best}."
    ),
    "v_stop_flat": "L’entraînement n’a rien changé de mesurable sur les tweets de validation.",
    "f_stop_flat": "La meilleure validation, au pas {step}, époque {epoch}, a {best} bits par octet, et la dernière en a {last}.",
    "v_stop_so_far": "Quand faut-il arrêter l’entraînement ? Il n’est pas terminé.",
    "f_stop_so_far": (
        "Le meilleur état jusqu’ici est celui du pas {step}, époque {epoch}, avec {best} bits par octet ; la dernière validation "
        "en donne {last}."
    ),
    "v_stop_worse": "L’entraînement a été arrêté : il rendait le modèle moins bon que le modèle non entraîné.",
    "f_stop_worse": (
        "Le modèle non entraîné a {untrained} bits par octet sur les tweets de validation ; la dernière validation, au pas {last_step}, "
        "en donne {last}. Rien n’a été gardé. Changez training.learning_rate ; l’exécution suivante repart alors du modèle de base."
    ),
    "v_stop_not_better_yet": "L’entraînement n’a pas encore amélioré le modèle.",
    "f_stop_not_better_yet": (
        "Le modèle non entraîné a {untrained} bits par octet sur les tweets de validation ; le plus bas depuis, au pas {step}, est {best}."
    ),
    "w_summary": "Comment il écrivait en apprenant, à chacune des {count} validations",
    "w_step": "Pas {step}, époque {epoch} : {copied} copient",
    "v_takes_off": "La copie décolle à l’époque {epoch}.",
    "v_no_interval": "Ce sont des mesures uniques sur les tweets de validation, sans intervalle.",
    "h_curves": "Le déroulement de l’entraînement",
    "h_likelihood": "Prédire vos tweets jamais vus",
    "h_style": "Habitudes de style",
    "h_conversation": "En conversation",
    "h_samples": "La même consigne, côte à côte",
    "h_samples_talk": "Le même message, côte à côte",
    "h_copying": "La copie",
    "h_data": "De l’archive aux tweets d’entraînement",
    "h_plan": "Le plan et ce qui s’est passé",
    "h_output": "TrainOutput expliqué",
    "h_gate": "Le fichier exporté est-il ce qui a été entraîné ?",
    "h_making": "Reproduire ce modèle",
    "missing": "Cette partie n’est pas encore là : {file} manque ou n’en contient rien.",
    "c_loss": "Perte d’entraînement (nats par jeton)",
    "c_bits": "Validation (bits par octet)",
    "c_learning_rate": "Taux d’apprentissage",
    "c_grad_norm": "Norme du gradient",
    "c_tokens_per_second": "Jetons par seconde",
    "c_memory": "Mémoire (Gio)",
    "c_copied": "Part des tweets d’essai avec un passage copié",
    "c_alt": (
        "{name} : de {first} au pas {from_step} à {last} au pas {to_step} ; au plus bas {lowest} au pas {low_step}, au plus haut "
        "{highest} au pas {high_step}."
    ),
    "c_chosen": "Point de contrôle gardé : pas {step}",
    "c_chosen_no_better": "Point de contrôle gardé : pas {step} ; il n’est pas meilleur que le modèle non entraîné",
    "c_step": "pas",
    "c_kept": "gardé : {value}",
    "c_table": "Chaque validation, en chiffres",
    "curves_say": (
        "Pour les deux premières, plus bas vaut mieux. Seule la deuxième porte sur des tweets dont le modèle n’apprend pas : là "
        "où elle remonte alors que la perte baisse encore, le modèle apprend par cœur. Le pas 0 est le modèle non entraîné."
    ),
    "curves_kept": (
        "Le trait vertical marque le point de contrôle gardé : de ceux d’après le pas 0, celui qui a le moins de bits par octet."
    ),
    "copy_start": "La part de copie est restée à peu près où elle était au début.",
    "l_say": (
        "Ce que chaque octet d’un tweet nouveau coûte de bits au modèle : moins il y en a, moins votre écriture le surprend. La "
        "consigne ne donne pas de sujet, car le sujet vient du tweet et en révèle une part."
    ),
    "l_say_talk": (
        "Ce que chaque octet d’un tweet nouveau coûte de bits au modèle : moins il y en a, moins votre écriture le surprend. Avant "
        "chaque tweet vient le message auquel il répond. Un modèle a écrit ce message d’après le tweet : il en révèle une part, à "
        "tous les modèles également."
    ),
    "l_say_begin": (
        "Ce que chaque octet d’un tweet nouveau coûte de bits au modèle : moins il y en a, moins votre écriture le surprend. La "
        "consigne ne donne pas les premiers mots du tweet, qui en sont une part."
    ),
    "l_who": "Modèle",
    "l_bits": "bits par octet",
    "l_epoch": "époque",
    "l_loss": "perte (nats par jeton)",
    "l_perplexity": "perplexité",
    "l_perplexity_say": (
        "La perplexité se compte par jeton : ne la comparez qu’entre modèles du même tokenizer ; les bits par octet se comparent toujours."
    ),
    "l_gain": "Gain sur le modèle non entraîné : {gain}.",
    "l_best": "Gain sur le meilleur des autres ({best}) : {gain}.",
    "l_topic": "Avec le sujet dans la consigne : base {base}, votre modèle {tuned}.",
    "l_topic_begin": "Avec les premiers mots du tweet dans la consigne, qu’il répète : base {base}, votre modèle {tuned}.",
    "l_split": "{split} : {tweets} tweets de {clusters} jours",
    "l_few": "Avec moins de 30 jours, l’intervalle est peut-être trop étroit.",
    "l_special": (
        "Gain sur vos tweets {author} ; sur {tweets} tweets d’autres personnes ({source}) {others} ; l’écart, {difference} bit par "
        "octet, est ce qu’il a appris de vous et non des tweets en général."
    ),
    "l_special_talk": (
        "Après un message tiré au sort, auquel ils ne répondent pas : gain sur vos tweets {author} ; sur {tweets} tweets d’autres "
        "personnes ({source}) {others} ; l’écart, {difference} bit par octet, est ce qu’il a appris de vous et non des tweets en "
        "général."
    ),
    "l_neutral": "des lignes neutres fournies avec le programme",
    "l_other_times": "d’autres périodes, ou sans date",
    "s_say": (
        "{samples} tweets de chaque modèle, sur les sujets de vos propres tweets jamais vus. Un classifieur a dû les distinguer "
        "des vrais : 0,5 veut dire qu’il ne peut pas, 1 qu’il y parvient toujours. Vos tweets antérieurs, à côté, montrent "
        "combien votre propre style change."
    ),
    "s_say_talk": (
        "{samples} réponses de chaque modèle aux messages de vos propres tweets jamais vus. Un classifieur a dû les distinguer des "
        "vraies : 0,5 veut dire qu’il ne peut pas, 1 qu’il y parvient toujours. Vos tweets antérieurs, à côté, montrent combien "
        "votre propre style change."
    ),
    "s_say_begin": (
        "{samples} tweets de chaque modèle, commencés par les premiers mots de vos propres tweets jamais vus. Un classifieur a dû les "
        "distinguer des vrais : 0,5 veut dire qu’il ne peut pas, 1 qu’il y parvient toujours. Vos tweets antérieurs, à côté, montrent "
        "combien votre propre style change."
    ),
    "s_gguf": "Les tweets de votre modèle ont été écrits par le fichier exporté, dans llama.cpp : ce qui tourne vraiment.",
    "s_who": "Tweets de",
    "s_auc": "distingués des vrais",
    "s_accuracy": "bien triés",
    "s_gap": "écart comblé",
    "s_habits": "Habitudes trouvées dans votre archive",
    "s_habit": "Habitude",
    "s_diversity": "Variété",
    "s_distinct": "paires de mots, 1 : aussi variées que les vôtres",
    "s_length": "longueur médiane",
    "s_deciles": "Longueurs en caractères, du dixième le plus court au plus long",
    "s_obedience": "Parle-t-il de ce qu’on demande ?",
    "s_obedience_begin": "Reprend-il ce qui est commencé ?",
    "s_asked": "Demandé par",
    "s_chance": "par hasard",
    "s_difference": "écart",
    "o_key words": "mots-clés",
    "o_key words_begin": "premiers mots",
    "o_questions": "questions entières",
    "s_empty": "Réponses vides de votre modèle : {share}.",
    "not_measured": "non mesuré",
    "p_topic": "Sujet : {topic}",
    "p_topic_talk": "« {topic} »",
    "p_topic_begin": "Début : {topic}",
    "p_free": "Sans sujet",
    "p_free_begin": "Sans premiers mots",
    "p_more": "{count} de plus",
    "q_say": (
        "L’entraînement vaut sa peine là où il fait mieux que le plus fort de ce qui s’obtient sans lui : le même modèle, à qui l’on "
        "dit d’écrire comme vous et montre vos réponses. On peut gagner du style et perdre du sens ; les deux sont mesurés ici."
    ),
    "q_over": "Votre modèle contre",
    "q_gain": "gain sur les tweets de test (bits par octet)",
    "q_told": (
        "Voici ce qui a été dit au modèle de base, en anglais ; {count} de vos messages et réponses, quand il y a la place, suivaient "
        "comme tours de parole."
    ),
    "q_words": "Consigne",
    "q_sense": "Répond-il à ce qu’on lui dit ?",
    "q_measure": "Mesuré par",
    "q_told_apart": "de cinq messages, c’est après le sien que votre réponse est la plus probable",
    "q_word": "un mot du message revient dans ce qu’il écrit",
    "q_trials": (
        "Sur {tweets} tweets de test, chacun après son message et après quatre autres tirés au sort. Moyenne de 1 sur le rang du bon "
        "(0,46 par hasard) : base {base}, votre modèle {tuned}."
    ),
    "q_own": "Dans vos propres réponses, un mot du message revient dans {share}.",
    "q_openings": "Vingt débuts de conversation en deux messages : le second est dit quelle que soit la réponse",
    "k_say": (
        "Part des tweets avec un passage de 50 caractères ou de 8 mots de suite d’un tweet d’entraînement : écrits par votre "
        "modèle {generated} ; vos propres tweets jamais vus {held_out} ; l’écart {excess}."
    ),
    "k_worst": "Les plus longues copies, avec leur source",
    "k_none": "Aucune n’a été trouvée.",
    "k_written": "Écrit ({characters} caractères copiés)",
    "k_source": "Votre tweet",
    "d_chart": "Des tweets lus aux tweets gardés",
    "d_read": "lus",
    "d_kept": "gardés",
    "d_splits": "Tweets gardés, par partie",
    "d_period": "Du {first} au {last}.",
    "d_rule": "écartés : {rule}",
    "d_messages": "Les messages auxquels les tweets répondent",
    "d_messages_say": "Des tweets gardés, seuls ceux qui ont un message servent à l’entraînement et aux mesures.",
    "d_trained": "Appris comme réponses : {tweets} tweets, en {conversations} conversations.",
    "d_not_these": (
        "On ne sait pas combien de messages ont été trouvés : playback.json manque, ou playback a écrit d’autres messages depuis "
        "l’entraînement."
    ),
    "d_tweets": "Tweets gardés",
    "d_unknown_parent": "réponses à quelqu’un dont les mots sont inconnus : aucun message cherché",
    "d_left_out": "au-delà de l’échantillon : aucun message cherché",
    "d_asked": "un message a été cherché",
    "d_usable": "avec un message",
    "d_question": "– une question",
    "d_remark": "– une remarque",
    "d_request": "– une demande",
    "d_given_up": "sans message : tous les essais ont été rejetés",
    "d_rejected": "Messages rejetés, chaque essai compté",
    "d_written": "Les messages ont été écrits par {model}.",
    "a_what": "Quoi",
    "a_plan": "prévu",
    "a_did": "réel",
    "a_steps": "pas",
    "a_epochs": "époques",
    "a_time": "durée de l’entraînement (prévu : au rythme des dix premiers pas)",
    "a_memory": "mémoire au plus haut (prévu : ce que l’essai a pris de la carte)",
    "a_speed": "jetons par seconde (prévu : au rythme de l’essai, paquets pleins)",
    "a_probe": "mémoire de l’essai (prévu : par la formule)",
    "a_tokens": "jetons appris",
    "a_adapted": (
        "Avec les réglages de la recette, {tweets} tweets font {packs} paquets et {steps} pas. Adaptés à {used_packs} paquets et "
        "{used_steps} pas, dont {warmup} de préchauffage : {changes}."
    ),
    "a_early": "Il s’est terminé avant l’heure : la validation ne s’améliorait plus.",
    "a_unknown": "non relevé",
    "t_figure": "Chiffre",
    "t_value": "Valeur",
    "t_says": "Ce qu’il dit",
    "g_check": "Contrôle",
    "g_file": "Fichier",
    "g_verdict": "Verdict",
    "g_figures": "Chiffres (limites)",
    "m_say": "La même recette, les mêmes versions, graines et entrées donnent le même résultat.",
    "m_recipe": "Recette",
    "m_versions": "Versions",
    "m_seeds": "Graines",
    "m_digests": "Empreintes (SHA-256) de ce qui est entré et de ce qui est sorti",
    "m_name": "Nom",
    "m_value": "Valeur",
    "minutes": "{minutes} min {seconds} s",
    "hours": "{hours} h {minutes} min",
    "t_global_step": "combien de fois les poids ont été changés",
    "t_train_loss": "perte moyenne de tous les pas, en nats par jeton ; plus bas vaut mieux, et dit peu à elle seule",
    "t_train_runtime": "secondes d’entraînement et de validation",
    "t_train_samples_per_second": "tweets appris par seconde",
    "t_train_steps_per_second": "changements des poids par seconde",
    "t_train_tokens_per_second": "jetons de consignes et de tweets par seconde d’entraînement",
    "t_num_input_tokens_seen": "jetons de consignes et de tweets, toutes époques comprises",
    "t_total_flos": "opérations à virgule flottante, estimées",
    "t_epoch": "passages sur les tweets d’entraînement",
    "t_best_global_step": "le pas dont les poids ont été gardés",
    "t_eval_bits_per_byte": "bits que coûte un octet d’un tweet jamais vu au modèle gardé",
    "t_eval_loss": "perte moyenne sur les tweets de validation, en nats par jeton",
}

HABITS = {
    "all in lower case": "tout en minuscules",
    "begins with a small letter": "commence par une minuscule",
    "a word in CAPITALS": "un mot en MAJUSCULES",
    "ends without a mark": "finit sans ponctuation",
    "ends with a full stop": "finit par un point",
    "a space before a mark": "une espace avant un signe",
    "an ellipsis of one sign": "des points de suspension en un signe",
    "an ellipsis of dots": "des points de suspension en trois points",
    "an exclamation mark": "un point d’exclamation",
    "several exclamation marks": "plusieurs points d’exclamation",
    "a question mark": "un point d’interrogation",
    "brackets": "des parenthèses",
    "a colon": "un deux-points",
    "quotation marks": "des guillemets droits",
    "French quotation marks": "des guillemets français",
    "a curly apostrophe": "une apostrophe courbe",
    "a straight apostrophe": "une apostrophe droite",
    "an emoji": "un émoji",
    "a smiley of signs": "une frimousse en signes",
    "a hashtag": "un mot-dièse",
    "a mention": "une mention",
    "a line break": "un retour à la ligne",
    "an emoji of their own": "un émoji à soi",
    "closes with": "finit par",
    "opens with": "commence par",
}
"""What evaluate calls a habit → in French; lengths are said by `Say.habit`."""

REASONS = {
    "duplicate id": "identifiant en double",
    "earlier edit": "version antérieure",
    "outside the period": "hors période",
    "retweet": "retweet",
    "automatic post": "publication automatique",
    "media only": "image ou vidéo seule",
    "link only": "lien seul",
    "stock reply": "réponse toute faite",
    "too short": "trop court",
    "other language": "autre langue",
    "duplicate": "doublon",
    "near duplicate": "presque un doublon",
}
"""Why prepare drops a tweet."""

REJECTED = {
    "empty": "vide",
    "too long": "trop long",
    "refusal": "un refus",
    "echo of the instruction": "un écho de la consigne donnée au modèle",
    "echo of an example": "un écho d’un exemple montré au modèle",
    "copies the tweet": "copie le tweet",
    "other kind": "d’un autre genre que demandé",
    "other language": "dans une autre langue que le tweet",
    "near-duplicate": "trop semblable à d’autres",
}
"""Why playback does not use a message."""

CHECKS = {
    "tokens": "jetons",
    "tokens in Ollama": "jetons dans Ollama",
    "four bits": "quatre bits",
    "conversion": "conversion",
    "training": "entraînement",
    "stop": "arrêt",
}
"""What the gate looks at."""
