"""The words of captions in two languages, what each of them means to the reader, and how the
reader refuses what the theatre cannot play.

`WRITTEN` is what the theatre writes, the plain word first; `READ` is what people write besides. A
table goes kind -> value -> words; phrases of several words stand between bars.
"""

WRITTEN = {
    "en": {
        "actor": {"man": "man guy gentleman", "woman": "woman lady", "child": "child kid",
                  None: "person someone"},
        "color": {"red": "red scarlet", "blue": "blue navy", "green": "green emerald",
                  "yellow": "yellow golden"},
        "action": {"stand": "stands standing", "walk": "walks walking", "run": "runs running",
                   "jump": "jumps jumping", "wave": "waves waving"},
        "direction": {"left": "left", "right": "right"},
        "mood": {"none": "|without music|in silence", "calm": "calm", "cheerful": "cheerful"},
    },
    "zh": {
        "actor": {"man": "男人 男子 男士", "woman": "女人 女子 女士", "child": "孩子 小孩 儿童",
                  None: "人 有人"},
        "color": {"red": "红", "blue": "蓝", "green": "绿", "yellow": "黄"},
        "action": {"stand": "站 站着 站立", "walk": "走 走路 步行 行走 散步", "run": "跑 跑步 奔跑",
                   "jump": "跳 跳跃 跳着", "wave": "挥手 招手"},
        "direction": {"left": "左", "right": "右"},
        "mood": {"none": "没有音乐 无音乐 安静无声", "calm": "平静 舒缓 轻柔",
                 "cheerful": "欢快 轻快 愉快"},
    },
}


def _forms(*verbs):
    """walk -> walk walks walking walked; jog -> jogging, wave -> waving, dash -> dashes."""
    found = []
    for verb in verbs:
        stem = verb.removesuffix("e")
        if verb[-1] in "bgmnpt" and verb[-2] in "aeiou" and verb[-3] not in "aeiou":
            stem = verb + verb[-1]
        third = "es" if verb.endswith(("sh", "ch", "ss")) else "s"
        found += [verb, verb + third, stem + "ing", stem + "ed"]
    return " ".join(found)


READ = {
    "en": {
        "actor": {"man": "gent male bloke chap dude fellow mister",
                  "woman": "female gal madam",
                  "child": "boy girl toddler youngster schoolboy schoolgirl",
                  None: "hero heroine protagonist somebody actor figure character human|main "
                        "character"},
        "pronoun": {"man": "he him his himself", "woman": "she her hers herself",
                    None: "it its they them their"},
        "color": {"red": "crimson ruby|bright red|dark red|deep red",
                  "blue": "azure|light blue|dark blue|bright blue|sky blue|navy blue|deep blue",
                  "green": "lime|light green|dark green|bright green|deep green",
                  "yellow": "gold|bright yellow|light yellow"},
        "other color": {None: "black white grey gray purple violet pink orange brown beige silver "
                              "turquoise magenta cyan"},
        "action": {
            "stand": "stand stood stays stay staying stayed remains remain remaining remained "
                     "stops stop stopped stopping halts halt halted waits wait waiting waited "
                     "pauses paused pausing|stands still|stand still|standing still|stood "
                     "still|stays still|stayed still|stands there|standing there|does "
                     "nothing|keeps still|comes to a stop|comes to rest|stands in place|stands "
                     "motionless",
            "walk": _forms("walk", "stroll", "amble", "wander", "saunter", "march", "stride",
                           "pace") + " strode|takes a walk|took a walk|walks along|walks around",
            "run": "run ran " + _forms("sprint", "jog", "dash", "race", "rush"),
            "jump": _forms("jump", "hop", "leap", "bounce") + " leapt|" + "|".join(
                f"{verb} {how}" for verb in _forms("jump", "hop").split() for how in
                ("up and down", "up", "in place", "on the spot", "around")),
            "wave": "wave waved|says hello|says hi|says goodbye|" + "|".join(
                f"{verb}{to}{what}" for verb in _forms("wave").split() for to in
                (" ", " a ", " his ", " her ", " their ", " its ", " both ", " the ", " with a ",
                 " with his ", " with her ", " with both ")
                for what in ("hand", "hands", "arm", "arms")) + "|" + "|".join(
                f"{verb} {what}" for verb in _forms("wave").split() for what in
                ("hello", "hi", "goodbye", "bye", "at us", "to us", "at the camera",
                 "to the camera", "at the audience", "to the audience")),
        },
        "direction": {"left": "leftward leftwards", "right": "rightward rightwards"},
        "mood": {"none": "silently|without any music|without sound|without any sound|no music|no "
                         "sound|no audio|with no sound|on mute",
                 "calm": "slow quiet gentle soft peaceful relaxing relaxed soothing tranquil",
                 "cheerful": "happy lively light upbeat merry joyful joyous fun bright"},
        "music": {None: "music tune melody song soundtrack"},
        "the": {None: "the this that same"},
        ",": {None: ","},
        "then": {None: "then and but afterwards afterward next later finally eventually until "
                       "till begins start starts starting started begin began beginning becomes "
                       "become breaks changes transitions switches shifts|and then|after "
                       "that|after this|after which|followed by|turns into|changes into|changes "
                       "to|switches to|transitions to|ends up|ended up|after a while|after a "
                       "moment|at last|a moment later|at the end|in the end|to finish|goes over "
                       "to"},
        "before": {None: "before"},
        "after": {None: "after having|right after|just after"},
        "first": {None: "first firstly|at first|first of all|to begin with"},
        "from": {None: "from"},
        "to": {None: "to into towards toward facing faces face faced looking looks heading heads "
                     "headed"},
        "at": {None: "on at"},
        "with": {None: "while as whilst meanwhile simultaneously|at the same time|at once"},
        "many": {None: "two three four five six seven eight nine ten several many couple pair "
                       "group crowd both men women children kids boys girls people persons guys "
                       "ladies gentlemen together everybody everyone 2 3 4 5 6 7 8 9 10 we us "
                       "each other another team twins family"},
        "not": {None: "not never nobody no without neither nor none cannot|no one|instead "
                      "of|rather than"},
        "or": {None: "or either"},
        "elsewhere": {None: "backwards backward back away upwards downwards sideways|back and "
                            "forth|to and fro|in circles|in a circle|up and down|left hand|right "
                            "hand|left arm|right arm"},
        "small": {None: "little small young tiny"},
        "": {None: "a an is are was were be being been am in dressed wearing wears wore clad "
                   "clothed who whose which there with by of for background accompanied plays "
                   "playing playing sounds goes going go went gone moves moving move moved does "
                   "do did will would can has have had keeps keep kept continues continue "
                   "continued very far quite really rather so too just now still some fast "
                   "quickly slowly briskly swiftly rapidly hurriedly leisurely steadily gently "
                   "calmly happily cheerfully energetically gracefully quick again along forward "
                   "forwards ahead straight over across all one 1 side edge please show shows see "
                   "seen alone clothes clothing clothe outfit shirt tshirt tee top blouse dress "
                   "gown skirt coat jacket sweater jumper hoodie suit robe uniform costume "
                   "trousers pants jeans shorts pullover cardigan vest attire garment raincoat "
                   "overalls|t shirt|goes for|went for|going for|going on|goes on|as "
                   "background|in the background|to the sound of|to the sounds of|to the rhythm "
                   "of|to the beat of|set to|on stage|on the stage|of the stage|of the screen|of "
                   "the picture|of the frame|across the stage|over the stage|for a while|for a "
                   "moment|right away|right now|a video of|a clip of|a film of|a short film of|an "
                   "animation of|a movie of|video of|clip of|film of|we see|you see|show "
                   "me|draw|the camera|at speed|at high speed|at full speed|a little|a bit|a "
                   "lot|in a hurry|at a slow pace|at a fast pace|at a steady pace|as fast as "
                   "possible|all the time|his clothes|her clothes|their clothes|its clothes|that "
                   "is|that was|all the way|from head to toe"},
    },
    "zh": {
        "actor": {"man": "男 男的 男生 男性 先生 小伙子 小伙 叔叔 大叔 男青年",
                  "woman": "女 女的 女生 女性 小姐 姑娘 阿姨 妇女 大妈 女青年",
                  "child": "男孩 女孩 男孩子 女孩子 小男孩 小女孩 小孩子 小朋友 男童 女童 幼儿 "
                           "孩童 娃娃",
                  None: "主角 主人公 某人 演员 人物 角色"},
        "pronoun": {"man": "他 他的", "woman": "她 她的", None: "它 其"},
        "color": {"red": "红色 大红 鲜红 大红色 鲜红色", "blue": "蓝色 天蓝色 天蓝 宝蓝色",
                  "green": "绿色 翠绿 翠绿色", "yellow": "黄色 金黄 金黄色 金色"},
        "other color": {None: "黑 黑色 白 白色 灰 灰色 紫 紫色 粉 粉色 粉红 粉红色 橙 橙色 "
                              "橘色 棕 棕色 褐色 银色 青色"},
        "action": {
            "stand": "站住 站定 站好 站立不动 站着不动 站在那里 站在原地 停 停下 停下来 停住 停步 "
                     "静止 静止不动 静立 不动 一动不动 等 等待 等着 等候 待着 停留",
            "walk": "走着 走动 漫步 踱步 溜达 迈步 徒步 散着步 散散步 走走 行进",
            "run": "跑着 慢跑 快跑 小跑 飞跑 飞奔 狂奔 奔 奔走 跑动 疾跑 冲刺 跑着步 跑跑",
            "jump": "跳动 跳起 蹦 蹦跳 蹦蹦跳跳 蹦跶 蹦着 跳跳 跳一跳 原地跳 原地跳跃 跳上跳下",
            "wave": "挥手 挥挥手 挥着手 挥了挥手 挥动手 挥动手臂 挥动双手 挥舞手臂 挥舞双手 "
                    "挥舞着手臂 挥动着手臂 挥臂 招招手 招着手 招了招手 摆手 摇手 挥一挥手 "
                    "挥手致意 挥手告别 挥手道别 挥手再见 挥手问好 打招呼",
        },
        "direction": {"left": "左边 左面 左侧 左方 左手边", "right": "右边 右面 右侧 右方 右手边"},
        "mood": {"none": "静音 无声 没有声音 没声音 没音乐 不带音乐 没有配乐 无配乐 没有背景音乐 "
                         "无背景音乐 没有任何音乐 没有任何声音 静悄悄",
                 "calm": "安静 柔和 缓慢 轻缓 宁静 温柔 悠扬 舒缓的 轻轻",
                 "cheerful": "快乐 欢乐 活泼 明快 开心 高兴 喜庆 欢畅"},
        "music": {None: "音乐 背景音乐 乐曲 曲子 旋律 配乐 歌曲 乐声 音乐声"},
        "the": {None: "那个 这个 那位 这位 该 此 那名 这名"},
        ",": {None: ","},
        "then": {None: "然后 接着 再 接下来 随后 随即 最后 又 并 并且 和 而后 过渡到 过渡 变 变成 "
                       "变为 转为 改为 转成 改成 开始 就 便 过了一会儿 过一会儿 跟着 直到"},
        "before": {None: "之前 以前 前"},
        "after": {None: "之后 以后 后"},
        "first": {None: "先 首先 起初 一开始 起先 刚开始"},
        "from": {None: "从 自 由"},
        "to": {None: "到 至 向 往 朝 朝着 向着 往着 面向 面朝 面对 面向着 望向 看向"},
        "at": {None: "在 于 位于"},
        "with": {None: "边 一边 同时 一面 一起 一同"},
        "many": {None: "两个 两 二 三 四 五 六 七 八 九 十 几 几个 俩 许多 很多 多个 一群 一对 "
                       "一些 们 大家 人们 他们 她们 双人 三人 两人 2 3 4 5 6 7 8 9 众人 所有人 "
                       "别人 另一个 另外一个"},
        "not": {None: "不 没 没有 未 别 无 非 不是 并没有 没人 无人 停止 禁止"},
        "or": {None: "或 或者 还是"},
        "elsewhere": {None: "向后 往后 朝后 后退 倒退 倒着 退后 向上 往上 向下 往下 来回 走来走去 "
                            "跑来跑去 跳来跳去 转圈 绕圈 兜圈 横着 侧着 回来 回去 往回 左手 右手 "
                            "左臂 右臂 原地跑"},
        "small": {None: "小 年幼 年幼的 小小的"},
        "": {None: "一个 一位 一名 一 个 位 名 正在 正 着 的 了 得 啊 呀 过 过去 过来 去 来 完 "
                   "起来 起 下去 一会儿 了一会儿 一下 会 要 有 是 也 都 在那里 在那儿 衣 衣服 "
                   "上衣 外套 外衣 衬衫 衫 恤 t恤 t恤衫 体恤 裙 裙子 连衣裙 长裙 短裙 裤 裤子 "
                   "长裤 短裤 牛仔裤 毛衣 夹克 西装 西服 大衣 服 服装 衣裳 衣裙 卫衣 背心 旗袍 "
                   "汗衫 制服 长袍 袍子 运动服 风衣 穿 穿着 穿了 身穿 身着 身披 穿上 着装 打扮 "
                   "一身 一件 一条 一袭 一套 全身 件 条 套 装 只 头 配着 配 配上 配有 配以 伴 "
                   "伴着 伴随 伴随着 随着 和着 合着 听着 配合 配合着 播放 播放着 响起 响着 伴奏 "
                   "背景 背景是 中 里 下 中间 声 很 非常 十分 特别 慢慢 缓缓 快 快速 飞快 迅速 "
                   "飞速 很快 高速 慢 慢速 匆匆 快快 用力 使劲 努力 高高 一直 不停 不断 不停歇 还 "
                   "一步一步 大步 小步 快步 尽情 向前 往前 朝前 前进 舞台 画面 屏幕 舞台上 "
                   "在舞台上 台上 画面中 画面里 画面上 镜头前 请 画 独自 朝镜头 对着镜头 向我们 "
                   "向观众 对我们 方向 那边 这边 做 进行"},
    },
}

TRADITIONAL = str.maketrans("紅藍綠黃個從過後樂歡靜著變這揮無沒輕緩兒間邊動躍褲襯連長飛開來時"
                            "會轉為進還們對隨聲給與臺雙兩條襲裝運頭慣調節點氣",
                            "红蓝绿黄个从过后乐欢静着变这挥无没轻缓儿间边动跃裤衬连长飞开来时"
                            "会转为进还们对随声给与台双两条袭装运头惯调节点气")

# How a caption is refused: {what: {language: sentence}}.
REFUSALS = {
    "unknown": {"en": "Unknown word '{1}' in the caption. {2}",
                "zh": "剧场不认识“{1}”：{2}"},
    "action": {"en": "The caption '{0}' names 0 actions: say what is done, one or two of {1}.",
               "zh": "“{0}”没有说做什么：请写一个或两个动作（{1}）。"},
    "actions": {"en": "The caption '{0}' names {1} actions: keep one or two of them.",
                "zh": "“{0}”里有{1}个动作：请只留一个或两个。"},
    "at once": {"en": "The caption '{0}' lets two actions happen at the same time: the theatre "
                      "plays one after the other, so put 'then' between them.",
                "zh": "“{0}”里有同时做的事：剧场只能一件接一件地演，请写成“先……后……”。"},
    "actors": {"en": "The caption '{0}' speaks of more than one actor: the theatre has one, so "
                     "keep one.",
               "zh": "“{0}”说到不止一个人：剧场只有一个演员，请只写一个。"},
    "color": {"en": "The caption '{0}' names more than one colour: keep one.",
              "zh": "“{0}”里有不止一种颜色：请只留一种。"},
    "direction": {"en": "The caption '{0}' names more than one direction: keep one.",
                  "zh": "“{0}”里有不止一个方向：请只留一个。"},
    "mood": {"en": "The caption '{0}' names more than one mood of music: keep one.",
             "zh": "“{0}”里有不止一种音乐：请只留一种。"},
    "music": {"en": "The caption '{0}' leaves the music unclear: leave '{1}' away, or say 'with "
                    "calm music', 'with cheerful music' or 'without music'.",
              "zh": "“{0}”没有说清音乐：请去掉“{1}”，或者写“配着平静的音乐”、"
                    "“配着欢快的音乐”或“没有音乐”。"},
    "other color": {"en": "The theatre has no '{1}': its colours are red, blue, green and yellow.",
                    "zh": "剧场没有“{1}”：只有红、蓝、绿、黄四种颜色。"},
    "place": {"en": "The caption '{0}' says with '{1}' where somebody is, which nobody can choose: "
                    "say where to, for example 'to the left'.",
              "zh": "“{0}”里的“{1}”是位置，不能选：请写朝哪边去，例如“向左”。"},
    "elsewhere": {"en": "The theatre cannot play '{1}': leave it away, or say for example 'to the "
                        "left'.",
                  "zh": "剧场演不了“{1}”：请去掉，或者写例如“向左”。"},
    "not": {"en": "The theatre cannot play what is not done ('{1}'): say what is done.",
            "zh": "剧场演不了“{1}”：请只写做什么，不写不做什么。"},
    "or": {"en": "The caption '{0}' leaves a choice ('{1}'): name one thing, or leave it away.",
           "zh": "“{0}”里有“{1}”：请只写一种，或者不写。"},
    "small": {"en": "The theatre cannot show '{1}': leave it away, or say 'a child'.",
              "zh": "剧场演不出“{1}”：请去掉，或者写“孩子”。"},
}


def _lexicon(*tables):
    """{phrase: (kind, value)} of tables, the first of which counts where both have a phrase."""
    return {phrase: (kind, value) for table in reversed(tables) for kind, values in table.items()
            for value, phrases in values.items()
            for part, group in enumerate(phrases.split("|"))
            for phrase in (group.split() if part == 0 else [group]) if phrase}


LEXICON = {language: _lexicon(WRITTEN[language], READ[language]) for language in WRITTEN}
# 慢慢地, 欢快地: who does something in this manner; the music is not meant
MANNERS = ("慢慢 缓缓 快 快速 飞快 迅速 飞速 很快 慢 匆匆 快快 用力 使劲 努力 高高 一直 不停 "
           "不断 尽情 大步 小步 独自").split()
LEXICON["zh"] |= {word + "地": ("manner", value) for word, (kind, value) in LEXICON["zh"].items()
                  if kind == "mood" or word in MANNERS}
